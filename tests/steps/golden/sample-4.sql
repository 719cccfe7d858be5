-- sample: 7% of the rows per label

SELECT * EXCLUDE ("_curation_rank", "_curation_size") FROM (
    SELECT *, row_number() OVER (PARTITION BY "label" ORDER BY md5(concat('7:sample:', "_curation_key")), "_curation_key", "_curation_fingerprint", "id", "text", "size", "label", "select") AS "_curation_rank",
        count(*) OVER (PARTITION BY "label") AS "_curation_size"
    FROM "relation_2")
WHERE "_curation_rank" <= greatest(1, ceil(round("_curation_size" * 0.07::DOUBLE, 6)));

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
