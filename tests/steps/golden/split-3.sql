-- split: train 0.7, validation 0.1, test 0.2 by time of size

SELECT count(*) FROM "relation_2" WHERE (CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END) IS NULL;

SELECT count(*) FROM "relation_2";

SELECT time_, row_number() OVER (ORDER BY time_) AS number_,
            sum(rows_) OVER (ORDER BY time_) - rows_ AS before_
        FROM (SELECT CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END AS time_, count(*) AS rows_ FROM "relation_2" GROUP BY 1)
        WHERE time_ IS NOT NULL;

SELECT count(*), (SELECT count(*) FROM "relation_2" WHERE (CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END) IS NOT NULL) FROM "relation_3";

SELECT time_, number_ FROM "relation_3"
            WHERE number_ > 2 AND number_ < 5
            ORDER BY abs(before_ - 16.0::DOUBLE), time_ LIMIT 1;

SELECT time_, number_ FROM "relation_3"
            WHERE number_ > 1 AND number_ < 4
            ORDER BY abs(before_ - 14.000000000000002::DOUBLE), time_ LIMIT 1;

SELECT r.*, CASE WHEN (CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END) >= CAST('3' AS DOUBLE) THEN 'test' WHEN (CASE WHEN NOT isnan(CAST("size" AS DOUBLE)) THEN CAST("size" AS DOUBLE) END) >= CAST('2' AS DOUBLE) THEN 'validation' ELSE 'train' END AS "split" FROM "relation_2" r;

SELECT "split" AS side, count(*) AS size FROM "relation_4" GROUP BY 1;

SELECT coalesce(sum(train + validation + test), 0), count(*),
            coalesce(sum(CASE WHEN train > 0 THEN validation + test
                WHEN validation > 0 THEN test ELSE 0 END), 0)
        FROM (SELECT count(*) FILTER (WHERE "split" = 'train') AS train, count(*) FILTER (WHERE "split" = 'validation') AS validation, count(*) FILTER (WHERE "split" = 'test') AS test FROM "relation_4" GROUP BY "_curation_fingerprint");
