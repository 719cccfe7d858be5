-- filter: keep rows where size > 99

SELECT * FROM "relation_2" WHERE coalesce(("size" > 99), FALSE);

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
