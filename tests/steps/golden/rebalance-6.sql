-- rebalance: effective weights in class_weight

SELECT class_, count(*) AS rows_
            FROM (SELECT CASE WHEN TRUE THEN CASE WHEN trim("label") <> '' THEN "label" END END AS class_ FROM "relation_2")
            WHERE class_ IS NOT NULL GROUP BY class_ ORDER BY rows_ DESC, class_;

SELECT * FROM incoming;

SELECT r.* EXCLUDE ("_curation_class"), w.weight_ AS "class_weight" FROM (SELECT *, CASE WHEN TRUE THEN CASE WHEN trim("label") <> '' THEN "label" END END AS "_curation_class" FROM "relation_2") r LEFT JOIN "relation_3" w ON w.class_ = r."_curation_class";
