-- sample: 50% of the rows

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

SELECT * FROM "relation_3" WHERE "_curation_kept" OR "_curation_unit" < 0.5::DOUBLE;

SELECT count(*) FROM "relation_4" WHERE NOT "_curation_kept";

SELECT * FROM incoming;

SELECT *, CAST(NULL AS DOUBLE) AS beyond FROM "relation_5";

SELECT "id", "text", "size", "label", "select", "_curation_key", "_curation_fingerprint", "_curation_row", "_curation_label_source", "_curation_probability" AS "inclusion_probability", "_curation_reason" AS "drawn_because"
        FROM "relation_2" JOIN (
        SELECT "_curation_row", CASE WHEN "_curation_kept" THEN 1.0 ELSE chance END
                AS "_curation_probability",
            CASE WHEN "_curation_kept" THEN 'always kept' ELSE concat('drawn by chance: ', said) END
                AS "_curation_reason"
        FROM (SELECT * FROM "relation_4")
        LEFT JOIN "relation_6" USING ("_curation_stratum")) USING ("_curation_row");

SELECT count(*) FROM "relation_7";

SELECT count(*) FROM "relation_2";
