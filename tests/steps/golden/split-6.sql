-- split: train 0.7, validation 0.1, test 0.2 by stratified of size

SELECT * FROM incoming;

SELECT count(*) FROM (SELECT *, coalesce(CASE WHEN isnan("size") THEN NULL ELSE CAST("size" AS VARCHAR) END, '(none)') AS "_curation_stratum", (CAST(concat('0x', substring(md5(concat('7:split:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) AS "_curation_unit" FROM "relation_2") r LEFT JOIN "relation_3" b ON b.stratum_ = r."_curation_stratum" WHERE b.stratum_ IS NULL;

SELECT r.* EXCLUDE ("_curation_stratum", "_curation_unit"), CASE WHEN r."_curation_unit" < coalesce(b.test_below_, 0.2::DOUBLE) THEN 'test' WHEN r."_curation_unit" < coalesce(b.validation_below_, 0.30000000000000004::DOUBLE) THEN 'validation' ELSE 'train' END AS "split" FROM (SELECT *, coalesce(CASE WHEN isnan("size") THEN NULL ELSE CAST("size" AS VARCHAR) END, '(none)') AS "_curation_stratum", (CAST(concat('0x', substring(md5(concat('7:split:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) AS "_curation_unit" FROM "relation_2") r LEFT JOIN "relation_3" b ON b.stratum_ = r."_curation_stratum";

SELECT "split" AS side, count(*) AS size FROM "relation_4" GROUP BY 1;

SELECT coalesce(sum(train + validation + test), 0), count(*),
            coalesce(sum(CASE WHEN train > 0 THEN validation + test
                WHEN validation > 0 THEN test ELSE 0 END), 0)
        FROM (SELECT count(*) FILTER (WHERE "split" = 'train') AS train, count(*) FILTER (WHERE "split" = 'validation') AS validation, count(*) FILTER (WHERE "split" = 'test') AS test FROM "relation_4" GROUP BY "_curation_fingerprint");
