-- split: train 0.7, validation 0.1, test 0.2 by hash

SELECT r.*, CASE WHEN (CAST(concat('0x', substring(md5(concat('7:split:', "_curation_fingerprint")), 1, 13)) AS BIGINT) / 4503599627370496.0) < 0.2::DOUBLE THEN 'test' WHEN (CAST(concat('0x', substring(md5(concat('7:split:', "_curation_fingerprint")), 1, 13)) AS BIGINT) / 4503599627370496.0) < 0.30000000000000004::DOUBLE THEN 'validation' ELSE 'train' END AS "side" FROM "relation_2" r;

SELECT "side" AS side, count(*) AS size FROM "relation_3" GROUP BY 1;

SELECT coalesce(sum(train + validation + test), 0), count(*),
            coalesce(sum(CASE WHEN train > 0 THEN validation + test
                WHEN validation > 0 THEN test ELSE 0 END), 0)
        FROM (SELECT count(*) FILTER (WHERE "side" = 'train') AS train, count(*) FILTER (WHERE "side" = 'validation') AS validation, count(*) FILTER (WHERE "side" = 'test') AS test FROM "relation_3" GROUP BY "_curation_fingerprint");
