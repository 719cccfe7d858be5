-- rebalance: make synthetic rows, up to 45 rows a class where size < 3

SELECT class_, count(*) AS rows_
            FROM (SELECT CASE WHEN ("size" < 3) THEN CASE WHEN trim("label") <> '' THEN "label" END END AS class_ FROM "relation_2")
            WHERE class_ IS NOT NULL GROUP BY class_ ORDER BY rows_ DESC, class_;

SELECT * FROM incoming;

SELECT *, CAST(sum(copies_) OVER (ORDER BY row_) AS BIGINT) - copies_ AS start_
            FROM (
                SELECT "_curation_row" AS row_, "_curation_key" AS key_, "_curation_class" AS class_, "_curation_place" AS place_,
                    _curation_first + CAST(concat('0x', substring(md5(concat('7:rebalance:block:', "_curation_key")), 1, 7)) AS BIGINT) % _curation_blocks
                        AS block_,
                    _curation_wanted // _curation_have + CASE WHEN "_curation_place" <= _curation_wanted % _curation_have THEN 1 ELSE 0 END AS copies_
                FROM (
            SELECT "_curation_row", "_curation_key", "_curation_class", _curation_have, _curation_wanted, _curation_blocks, _curation_first, row_number() OVER (
                PARTITION BY "_curation_class" ORDER BY md5(concat('7:rebalance:', "_curation_key")), "_curation_key", "_curation_fingerprint", "id", "text", "size", "label", "select") AS "_curation_place"
            FROM (SELECT *, CASE WHEN ("size" < 3) THEN CASE WHEN trim("label") <> '' THEN "label" END END AS "_curation_class" FROM "relation_2") JOIN "relation_3" ON _curation_name = "_curation_class"));

SELECT avg(CASE WHEN abs(CAST("size" AS DOUBLE)) <= 1e+100::DOUBLE THEN CAST("size" AS DOUBLE) END), stddev_pop(CASE WHEN abs(CAST("size" AS DOUBLE)) <= 1e+100::DOUBLE THEN CAST("size" AS DOUBLE) END) FROM "relation_2" WHERE (CASE WHEN ("size" < 3) THEN CASE WHEN trim("label") <> '' THEN "label" END END) IS NOT NULL;

SELECT r."_curation_class" AS class_, stddev_pop(coalesce((CASE WHEN abs(CAST(r."size" AS DOUBLE)) <= 1e+100::DOUBLE THEN CAST(r."size" AS DOUBLE) END - 1.0::DOUBLE) / 1.0::DOUBLE, 0)) AS s0 FROM (SELECT *, CASE WHEN ("size" < 3) THEN CASE WHEN trim("label") <> '' THEN "label" END END AS "_curation_class" FROM "relation_2") r
        WHERE r."_curation_class" IS NOT NULL GROUP BY r."_curation_class";

SELECT p.row_, p.class_, p.copies_, p.block_, CAST(coalesce((CASE WHEN abs(CAST(r."size" AS DOUBLE)) <= 1e+100::DOUBLE THEN CAST(r."size" AS DOUBLE) END - 1.0::DOUBLE) / 1.0::DOUBLE, 0) AS FLOAT) AS n0, CAST(r."text" AS VARCHAR) AS c0
            FROM "relation_4" p JOIN "relation_2" r ON r."_curation_row" = p.row_
            WHERE p.block_ BETWEEN 0 AND 1 ORDER BY p.block_, p.place_;

SELECT * FROM incoming;

SELECT coalesce(max("_curation_row"), 0) // 1099511627776 FROM "relation_2";

SELECT *, CAST(NULL AS VARCHAR) AS "made", CAST(NULL AS VARCHAR) AS "parents" FROM (SELECT * FROM "relation_2") UNION ALL 
        SELECT * REPLACE (coalesce(CAST("id" AS VARCHAR), '') AS "_curation_key", md5(concat_ws('', coalesce(CAST("size" AS VARCHAR), ''), coalesce(CAST("text" AS VARCHAR), ''))) AS "_curation_fingerprint") FROM (
            SELECT concat('synthetic-', d.digest_) AS "id", CAST(d.v0 AS VARCHAR) AS "text", CASE WHEN abs(CAST(b."size" AS DOUBLE)) <= 1e+100::DOUBLE AND abs(CAST(n."size" AS DOUBLE)) <= 1e+100::DOUBLE THEN coalesce(TRY_CAST(least(greatest(CAST(b."size" AS DOUBLE) + d.gap_ * (CAST(n."size" AS DOUBLE) - CAST(b."size" AS DOUBLE)), least(CAST(b."size" AS DOUBLE), CAST(n."size" AS DOUBLE))), greatest(CAST(b."size" AS DOUBLE), CAST(n."size" AS DOUBLE))) AS DOUBLE), b."size") ELSE b."size" END AS "size", b."label" AS "label", b."select" AS "select", concat('synthetic-', d.digest_) AS "_curation_key", b."_curation_fingerprint" AS "_curation_fingerprint", 1099511627776 + d.row_number_ AS "_curation_row", 'synthetic' AS "_curation_label_source", 'synthetic' AS "made", CAST(to_json([d.key_, m.key_]) AS VARCHAR) AS "parents"
            FROM (
        SELECT *, (CAST(concat('0x', substring(digest_, 14, 13)) AS BIGINT) / 4503599627370496.0) AS gap_,
            near_[1 + CAST(floor((CAST(concat('0x', substring(digest_, 1, 13)) AS BIGINT) / 4503599627370496.0) * array_length(near_)) AS BIGINT)] AS near_row_
        FROM (
        SELECT *, start_ + number_ - 1 AS row_number_,
            md5(concat('7:rebalance:synthetic:', class_, ':', key_, ':', number_)) AS digest_
        FROM (SELECT *, unnest(range(1, copies_ + 1)) AS number_
            FROM "relation_4" JOIN (SELECT * FROM "relation_5") USING (row_) WHERE copies_ > 0))) d JOIN "relation_2" b ON b."_curation_row" = d.row_
            JOIN "relation_2" n ON n."_curation_row" = d.near_row_
            JOIN "relation_4" m ON m.row_ = d.near_row_);

SELECT count(*) FROM "relation_6";

SELECT count(*) FROM "relation_2";
