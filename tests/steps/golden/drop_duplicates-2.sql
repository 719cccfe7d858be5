-- drop_duplicates: exact on text, label

SELECT * EXCLUDE ("_curation_rank") FROM (
    SELECT *, row_number() OVER (
        PARTITION BY "text", "label" ORDER BY ("_curation_label_source" = 'person') DESC, "_curation_key", "id", "text", "size", "label", "select") AS "_curation_rank"
    FROM "relation_2")
WHERE "_curation_rank" = 1;

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
