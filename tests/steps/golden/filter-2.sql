-- filter: keep rows where TEXT LIKE '%apple%' OR "select" = 3

SELECT * FROM "relation_2" WHERE coalesce(("text" LIKE '%apple%' OR "select" = 3), FALSE);

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
