-- sample: 50% of the rows

SELECT * FROM "relation_2" WHERE (CAST(concat('0x', substring(md5(concat('7:sample:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) < 0.5::DOUBLE;

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_3";
