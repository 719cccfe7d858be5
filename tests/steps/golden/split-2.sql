-- split: train 0.8, test 0.2 by group of select

SELECT count(DISTINCT CAST("select" AS VARCHAR)), count(*) FILTER (WHERE (CAST("select" AS VARCHAR)) IS NULL), count(*) FROM "relation_2";

SELECT r.*, CASE WHEN (CAST(concat('0x', substring(md5(concat('7:split:', coalesce(CAST("select" AS VARCHAR), "_curation_key"))), 1, 13)) AS BIGINT) / 4503599627370496.0) < 0.2::DOUBLE THEN 'test' WHEN (CAST(concat('0x', substring(md5(concat('7:split:', coalesce(CAST("select" AS VARCHAR), "_curation_key"))), 1, 13)) AS BIGINT) / 4503599627370496.0) < 0.2::DOUBLE THEN 'validation' ELSE 'train' END AS "split" FROM "relation_2" r;

SELECT "split" AS side, count(*) AS size FROM "relation_3" GROUP BY 1;

SELECT coalesce(sum(train + validation + test), 0), count(*),
            coalesce(sum(CASE WHEN train > 0 THEN validation + test
                WHEN validation > 0 THEN test ELSE 0 END), 0)
        FROM (SELECT count(*) FILTER (WHERE "split" = 'train') AS train, count(*) FILTER (WHERE "split" = 'validation') AS validation, count(*) FILTER (WHERE "split" = 'test') AS test FROM "relation_3" GROUP BY "_curation_fingerprint");

SELECT count(*), count(*) FILTER (WHERE sides > 1) FROM (
                SELECT CAST("select" AS VARCHAR) AS value, count(DISTINCT "split") AS sides
                FROM "relation_3" WHERE (CAST("select" AS VARCHAR)) IS NOT NULL GROUP BY 1);
