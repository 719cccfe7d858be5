-- sample: 12 rows

SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept",
                CASE WHEN NOT "_curation_kept" THEN "_curation_unit" END AS "_curation_rank"
            FROM (SELECT *, (CAST(concat('0x', substring(md5(concat('7:sample:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) AS "_curation_unit"
                FROM (SELECT *, '' AS "_curation_stratum", FALSE AS "_curation_kept"
                    FROM "relation_2")
                WHERE "_curation_kept" OR (TRUE AND TRUE));

SELECT count(*) FROM "relation_3" WHERE "_curation_kept";

SELECT "_curation_stratum" AS stratum, count(*) AS size, count("_curation_rank") AS available,
            min("_curation_rank") AS lowest, max("_curation_rank") AS highest
        FROM "relation_3" WHERE NOT "_curation_kept" GROUP BY "_curation_stratum" ORDER BY "_curation_stratum";

SELECT * FROM incoming;

SELECT stratum, bucket, reached - size AS below, take
        FROM (SELECT *, sum(size) OVER (PARTITION BY stratum ORDER BY bucket) AS reached
            FROM (SELECT "_curation_stratum" AS stratum, 0.0 AS bucket, count(*) AS size
                FROM "relation_3" WHERE "_curation_rank" IS NOT NULL GROUP BY 1, 2)
            JOIN "relation_4" USING (stratum))
        WHERE reached > take AND reached - size <= take;

SELECT p.*, e.take - e.below AS room, rank() OVER ranked AS first_place,
            count(*) OVER ranked AS last_place
        FROM "relation_3" p JOIN "relation_5" e
            ON p."_curation_stratum" = e.stratum AND 0.0 = e.bucket AND p."_curation_rank" IS NOT NULL
        WINDOW ranked AS (PARTITION BY p."_curation_stratum" ORDER BY p."_curation_rank", p."_curation_unit");

SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept", "_curation_rank" FROM "relation_3" p
            LEFT JOIN "relation_5" e ON p."_curation_stratum" = e.stratum
            WHERE "_curation_kept" OR ("_curation_rank" IS NOT NULL AND (e.bucket IS NULL OR 0.0 < e.bucket))
        UNION ALL SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept", "_curation_rank" FROM "relation_6" WHERE last_place <= room
        UNION ALL SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept", "_curation_rank" FROM (
            SELECT b.*, row_number() OVER (
                PARTITION BY b."_curation_stratum" ORDER BY d."_curation_key", d."_curation_fingerprint", d."id", d."text", d."size", d."label", d."select") AS place
            FROM "relation_6" b JOIN "relation_2" d ON b."_curation_row" = d."_curation_row"
            WHERE b.first_place <= b.room AND b.last_place > b.room)
        WHERE first_place - 1 + place <= room;

SELECT "_curation_stratum", min("_curation_rank") AS beyond FROM "relation_6" WHERE last_place > room
        GROUP BY "_curation_stratum";

SELECT * FROM incoming;

SELECT * FROM "relation_9" LEFT JOIN "relation_8" USING ("_curation_stratum");

SELECT "id", "text", "size", "label", "select", "_curation_key", "_curation_fingerprint", "_curation_row", "_curation_label_source", "_curation_probability" AS "inclusion_probability", "_curation_reason" AS "drawn_because"
        FROM "relation_2" JOIN (
        SELECT "_curation_row", CASE WHEN "_curation_kept" THEN 1.0 ELSE chance END
                AS "_curation_probability",
            CASE WHEN "_curation_kept" THEN 'always kept' ELSE concat('drawn by chance: ', said) END
                AS "_curation_reason"
        FROM (SELECT * FROM "relation_7")
        LEFT JOIN "relation_10" USING ("_curation_stratum")) USING ("_curation_row");

SELECT count(*) FROM "relation_11";

SELECT count(*) FROM "relation_2";
