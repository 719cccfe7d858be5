-- rebalance: at most 10 rows a class

SELECT * EXCLUDE ("_curation_in_scope", "_curation_rank") FROM (
    SELECT *, row_number() OVER (PARTITION BY "_curation_in_scope", CASE WHEN trim("label") <> '' THEN "label" END ORDER BY md5(concat('7:rebalance:', "_curation_key")), "_curation_key", "_curation_fingerprint", "id", "text", "size", "label", "select") AS "_curation_rank"
    FROM (SELECT *, TRUE AS "_curation_in_scope" FROM "relation_2"))
WHERE NOT "_curation_in_scope" OR "_curation_rank" <= 10;

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
