-- rebalance: given shares of 70 rows for 2 classes

SELECT class_, count(*) AS rows_
            FROM (SELECT CASE WHEN TRUE THEN CASE WHEN trim("label") <> '' THEN "label" END END AS class_ FROM "relation_2")
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
            FROM (SELECT *, CASE WHEN TRUE THEN CASE WHEN trim("label") <> '' THEN "label" END END AS "_curation_class" FROM "relation_2") JOIN "relation_3" ON _curation_name = "_curation_class"));

SELECT coalesce(max("_curation_row"), 0) // 1099511627776 FROM "relation_2";

SELECT *, CAST(NULL AS VARCHAR) AS "made", CAST(NULL AS VARCHAR) AS "parents" FROM (SELECT * FROM "relation_2") UNION ALL 
        SELECT * REPLACE (coalesce(CAST("id" AS VARCHAR), '') AS "_curation_key") FROM (
            SELECT concat('copy-', d.digest_) AS "id", b."text" AS "text", b."size" AS "size", b."label" AS "label", b."select" AS "select", concat('copy-', d.digest_) AS "_curation_key", b."_curation_fingerprint" AS "_curation_fingerprint", 1099511627776 + d.row_number_ AS "_curation_row", b."_curation_label_source" AS "_curation_label_source", 'copy' AS "made", CAST(to_json([d.key_]) AS VARCHAR) AS "parents"
            FROM (
        SELECT *, start_ + number_ - 1 AS row_number_,
            md5(concat('7:rebalance:copy:', class_, ':', key_, ':', number_)) AS digest_
        FROM (SELECT *, unnest(range(1, copies_ + 1)) AS number_
            FROM "relation_4" WHERE copies_ > 0)) d JOIN "relation_2" b ON b."_curation_row" = d.row_
            );

SELECT count(*) FROM "relation_5";

SELECT count(*) FROM "relation_2";
