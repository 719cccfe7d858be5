-- rebalance: copy rows, largest to smallest at most 1 to 1

SELECT class_, count(*) AS rows_
            FROM (SELECT CASE WHEN TRUE THEN CASE WHEN trim("label") <> '' THEN "label" END END AS class_ FROM "relation_2")
            WHERE class_ IS NOT NULL GROUP BY class_ ORDER BY rows_ DESC, class_;

SELECT *, CAST(NULL AS VARCHAR) AS "made", CAST(NULL AS VARCHAR) AS "parents" FROM (SELECT * FROM "relation_2");

SELECT count(*) FROM "relation_3";

SELECT count(*) FROM "relation_2";
