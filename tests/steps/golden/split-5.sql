-- split: train 0.7, validation 0.1, test 0.2 by stratified

SELECT stratum_, rows_, least(greatest(0.2::DOUBLE, test_last_ + 2.220446049250313e-16::DOUBLE), test_next_) AS test_below_, least(greatest(0.30000000000000004::DOUBLE, validation_last_ + 2.220446049250313e-16::DOUBLE), validation_next_) AS validation_below_ FROM (
        SELECT stratum_, max(rows_) AS rows_,
            coalesce(max(CASE WHEN rank_ = test_ THEN unit_ END), -1.0) AS test_last_,
            coalesce(max(CASE WHEN rank_ = test_ + 1 THEN unit_ END), 1.0) AS test_next_,
            coalesce(max(CASE WHEN rank_ = test_ + validation_ THEN unit_ END), -1.0)
                AS validation_last_,
            coalesce(max(CASE WHEN rank_ = test_ + validation_ + 1 THEN unit_ END), 1.0)
                AS validation_next_
        FROM (
        SELECT stratum_, unit_, rank_, rows_,
            CASE WHEN rows_ = 1 THEN 0 ELSE whole_t + CAST(CAST(r >= t AS INTEGER) + CAST(v > t AS INTEGER) < rows_ - whole_t - whole_v - whole_r AS INTEGER) END
                AS test_,
            CASE WHEN rows_ = 1 THEN 0 ELSE whole_v + CAST(CAST(r >= v AS INTEGER) + CAST(t >= v AS INTEGER) < rows_ - whole_t - whole_v - whole_r AS INTEGER) END
                AS validation_
        FROM (SELECT *, floor(round(rows_ * 0.2::DOUBLE, 9)) AS whole_t, round(round(rows_ * 0.2::DOUBLE, 9) - floor(round(rows_ * 0.2::DOUBLE, 9)), 9) AS t, floor(round(rows_ * 0.1::DOUBLE, 9)) AS whole_v, round(round(rows_ * 0.1::DOUBLE, 9) - floor(round(rows_ * 0.1::DOUBLE, 9)), 9) AS v, floor(round(rows_ * 0.7000000000000001::DOUBLE, 9)) AS whole_r, round(round(rows_ * 0.7000000000000001::DOUBLE, 9) - floor(round(rows_ * 0.7000000000000001::DOUBLE, 9)), 9) AS r FROM (
        SELECT stratum_, unit_,
            row_number() OVER (PARTITION BY stratum_ ORDER BY unit_) AS rank_,
            count(*) OVER (PARTITION BY stratum_) AS rows_
        FROM (SELECT coalesce(CASE WHEN trim("label") <> '' THEN "label" END, '(none)') AS stratum_, (CAST(concat('0x', substring(md5(concat('7:split:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) AS unit_ FROM "relation_2")))) GROUP BY stratum_);

SELECT CAST(round(coalesce(sum(rows_ * (abs(test_below_ - 0.2::DOUBLE)
                + abs(validation_below_ - 0.30000000000000004::DOUBLE))), 0)) AS BIGINT) FROM "relation_3";

SELECT r.* EXCLUDE ("_curation_stratum", "_curation_unit"), CASE WHEN r."_curation_unit" < coalesce(b.test_below_, 0.2::DOUBLE) THEN 'test' WHEN r."_curation_unit" < coalesce(b.validation_below_, 0.30000000000000004::DOUBLE) THEN 'validation' ELSE 'train' END AS "split" FROM (SELECT *, coalesce(CASE WHEN trim("label") <> '' THEN "label" END, '(none)') AS "_curation_stratum", (CAST(concat('0x', substring(md5(concat('7:split:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) AS "_curation_unit" FROM "relation_2") r LEFT JOIN "relation_3" b ON b.stratum_ = r."_curation_stratum";

SELECT "split" AS side, count(*) AS size FROM "relation_4" GROUP BY 1;

SELECT coalesce(sum(train + validation + test), 0), count(*),
            coalesce(sum(CASE WHEN train > 0 THEN validation + test
                WHEN validation > 0 THEN test ELSE 0 END), 0)
        FROM (SELECT count(*) FILTER (WHERE "split" = 'train') AS train, count(*) FILTER (WHERE "split" = 'validation') AS validation, count(*) FILTER (WHERE "split" = 'test') AS test FROM "relation_4" GROUP BY "_curation_fingerprint");
