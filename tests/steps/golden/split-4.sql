-- split: train 0.7, validation 0.1, test 0.2 by time of size

SELECT count(*) FROM "relation_2" WHERE (CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END) IS NULL;

SELECT r.*, CASE WHEN (CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END) >= CAST('2.5' AS DOUBLE) THEN 'test' WHEN (CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END) >= CAST('1' AS DOUBLE) THEN 'validation' ELSE 'train' END AS "split" FROM "relation_2" r;

SELECT "split" AS side, count(*) AS size FROM "relation_3" GROUP BY 1;

SELECT coalesce(sum(train + validation + test), 0), count(*),
            coalesce(sum(CASE WHEN train > 0 THEN validation + test
                WHEN validation > 0 THEN test ELSE 0 END), 0)
        FROM (SELECT count(*) FILTER (WHERE "split" = 'train') AS train, count(*) FILTER (WHERE "split" = 'validation') AS validation, count(*) FILTER (WHERE "split" = 'test') AS test FROM "relation_3" GROUP BY "_curation_fingerprint");
