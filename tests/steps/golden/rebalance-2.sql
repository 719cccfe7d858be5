-- rebalance: at most 5 rows a class where size > 1

SELECT * EXCLUDE ("_curation_in_scope", "_curation_rank") FROM (
    SELECT *, row_number() OVER (PARTITION BY "_curation_in_scope", CASE WHEN trim("label") <> '' THEN "label" END ORDER BY md5(concat('7:cap:', "_curation_key")), "_curation_key", "_curation_fingerprint", "id", "text", "size", "label", "select") AS "_curation_rank"
    FROM (SELECT *, coalesce(("size" > 1), FALSE) AS "_curation_in_scope" FROM "relation_2"))
WHERE NOT "_curation_in_scope" OR "_curation_rank" <= 5;

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
