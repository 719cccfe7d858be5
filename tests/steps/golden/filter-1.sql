-- filter: keep rows where length(text) > 15

SELECT * FROM "relation_2" WHERE coalesce((LENGTH("text") > 15), FALSE);

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
