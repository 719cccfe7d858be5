-- sample: half@1 but not a rule

SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept",
                CASE WHEN NOT "_curation_kept" THEN "_curation_unit" END AS "_curation_rank"
            FROM (SELECT *, (CAST(concat('0x', substring(md5(concat('0:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) AS "_curation_unit"
                FROM (SELECT *, '' AS "_curation_stratum", FALSE AS "_curation_kept"
                    FROM "relation_2")
                WHERE "_curation_kept" OR (TRUE AND TRUE));

SELECT count(*) FROM "relation_3" WHERE "_curation_kept";

SELECT "_curation_stratum" AS stratum, count(*) AS size, count("_curation_rank") AS available,
            min("_curation_rank") AS lowest, max("_curation_rank") AS highest
        FROM "relation_3" WHERE NOT "_curation_kept" GROUP BY "_curation_stratum" ORDER BY "_curation_stratum";

SELECT * FROM "relation_3" WHERE "_curation_kept" OR "_curation_unit" < 0.5::DOUBLE;

SELECT count(*) FROM "relation_4" WHERE NOT "_curation_kept";

SELECT * FROM incoming;

SELECT *, CAST(NULL AS DOUBLE) AS beyond FROM "relation_5";

SELECT "_curation_row", d."_curation_reason" IS NOT NULL AS "_curation_drawn",
    CASE WHEN d."_curation_reason" IS NOT NULL THEN d."_curation_probability"
        ELSE chance END AS "_curation_probability",
    "_curation_unit" AS "_curation_unit", "_curation_stratum", d."_curation_reason" AS "_curation_reason"
FROM "relation_3"
LEFT JOIN (
SELECT "_curation_row", CASE WHEN "_curation_kept" THEN 1.0 ELSE chance END
        AS "_curation_probability",
    CASE WHEN "_curation_kept" THEN 'always kept' ELSE concat('drawn by chance: ', said) END
        AS "_curation_reason"
FROM (SELECT * FROM "relation_4")
LEFT JOIN "relation_6" USING ("_curation_stratum")) d USING ("_curation_row")
LEFT JOIN "relation_6" USING ("_curation_stratum") LEFT JOIN (SELECT "_curation_stratum", max("_curation_rank") AS last FROM "relation_4"
WHERE NOT "_curation_kept" GROUP BY "_curation_stratum") USING ("_curation_stratum");

SELECT count(*), count(CASE WHEN _curation_drawn THEN 1 END), count(CASE WHEN _curation_probability >= 1 THEN 1 END) FROM "relation_7";

SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept",
                CASE WHEN NOT "_curation_kept" THEN "_curation_unit" END AS "_curation_rank"
            FROM (SELECT *, (CAST(concat('0x', substring(md5(concat('0:', "_curation_key")), 1, 13)) AS BIGINT) / 4503599627370496.0) AS "_curation_unit"
                FROM (SELECT *, '' AS "_curation_stratum", FALSE AS "_curation_kept"
                    FROM "relation_2")
                WHERE "_curation_kept" OR (coalesce(("size" > 1), FALSE) AND TRUE));

SELECT count(*) FROM "relation_8" WHERE "_curation_kept";

SELECT "_curation_stratum" AS stratum, count(*) AS size, count("_curation_rank") AS available,
            min("_curation_rank") AS lowest, max("_curation_rank") AS highest
        FROM "relation_8" WHERE NOT "_curation_kept" GROUP BY "_curation_stratum" ORDER BY "_curation_stratum";

SELECT * FROM incoming;

SELECT stratum, bucket, reached - size AS below, take
        FROM (SELECT *, sum(size) OVER (PARTITION BY stratum ORDER BY bucket) AS reached
            FROM (SELECT "_curation_stratum" AS stratum, 0.0 AS bucket, count(*) AS size
                FROM "relation_8" WHERE "_curation_rank" IS NOT NULL GROUP BY 1, 2)
            JOIN "relation_9" USING (stratum))
        WHERE reached > take AND reached - size <= take;

SELECT p.*, e.take - e.below AS room, rank() OVER ranked AS first_place,
            count(*) OVER ranked AS last_place
        FROM "relation_8" p JOIN "relation_10" e
            ON p."_curation_stratum" = e.stratum AND 0.0 = e.bucket AND p."_curation_rank" IS NOT NULL
        WINDOW ranked AS (PARTITION BY p."_curation_stratum" ORDER BY p."_curation_rank", p."_curation_unit");

SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept", "_curation_rank" FROM "relation_8" p
            LEFT JOIN "relation_10" e ON p."_curation_stratum" = e.stratum
            WHERE "_curation_kept" OR ("_curation_rank" IS NOT NULL AND (e.bucket IS NULL OR 0.0 < e.bucket))
        UNION ALL SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept", "_curation_rank" FROM "relation_11" WHERE last_place <= room
        UNION ALL SELECT "_curation_row", "_curation_stratum", "_curation_unit", "_curation_kept", "_curation_rank" FROM (
            SELECT b.*, row_number() OVER (
                PARTITION BY b."_curation_stratum" ORDER BY d."_curation_key", d."_curation_fingerprint", d."id", d."text", d."size", d."label", d."select") AS place
            FROM "relation_11" b JOIN "relation_2" d ON b."_curation_row" = d."_curation_row"
            WHERE b.first_place <= b.room AND b.last_place > b.room)
        WHERE first_place - 1 + place <= room;

SELECT "_curation_stratum", min("_curation_rank") AS beyond FROM "relation_11" WHERE last_place > room
        GROUP BY "_curation_stratum";

SELECT * FROM incoming;

SELECT * FROM "relation_14" LEFT JOIN "relation_13" USING ("_curation_stratum");

SELECT "_curation_row", d."_curation_reason" IS NOT NULL AS "_curation_drawn",
    CASE WHEN d."_curation_reason" IS NOT NULL THEN d."_curation_probability"
        ELSE chance END AS "_curation_probability",
    "_curation_unit" AS "_curation_unit", "_curation_stratum", d."_curation_reason" AS "_curation_reason"
FROM "relation_8"
LEFT JOIN (
SELECT "_curation_row", CASE WHEN "_curation_kept" THEN 1.0 ELSE chance END
        AS "_curation_probability",
    CASE WHEN "_curation_kept" THEN 'always kept' ELSE concat('drawn by chance: ', said) END
        AS "_curation_reason"
FROM (SELECT * FROM "relation_12")
LEFT JOIN "relation_15" USING ("_curation_stratum")) d USING ("_curation_row")
LEFT JOIN "relation_15" USING ("_curation_stratum") LEFT JOIN (SELECT "_curation_stratum", max("_curation_rank") AS last FROM "relation_12"
WHERE NOT "_curation_kept" GROUP BY "_curation_stratum") USING ("_curation_stratum");

SELECT count(*), count(CASE WHEN _curation_drawn THEN 1 END), count(CASE WHEN _curation_probability >= 1 THEN 1 END) FROM "relation_16";

SELECT "_curation_row", 0 AS _curation_part, CAST(1 AS DOUBLE) AS _curation_probability, 'always kept' AS _curation_reason FROM "relation_2" WHERE FALSE;

SELECT count(*) FROM "relation_17";

SELECT "_curation_row" FROM "relation_7" WHERE _curation_drawn UNION SELECT "_curation_row" FROM "relation_16" WHERE _curation_drawn;

SELECT near."_curation_row", event_0."_curation_row" IS NOT NULL AS _curation_in_0, coalesce(event_0._curation_drawn, FALSE) AS _curation_drawn_0, event_0._curation_probability AS _curation_chance_0, event_0._curation_threshold AS _curation_threshold_0, coalesce(event_0._curation_spread, 0) AS _curation_spread_0, event_0._curation_unit AS _curation_unit_0, event_0._curation_reason AS _curation_reason_0, event_1."_curation_row" IS NOT NULL AS _curation_in_1, coalesce(event_1._curation_drawn, FALSE) AS _curation_drawn_1, event_1._curation_probability AS _curation_chance_1, event_1._curation_threshold AS _curation_threshold_1, coalesce(event_1._curation_spread, 0) AS _curation_spread_1, event_1._curation_unit AS _curation_unit_1, event_1._curation_reason AS _curation_reason_1 FROM "relation_18" AS near LEFT JOIN (SELECT * FROM (SELECT *, _curation_probability AS _curation_threshold, CAST(0 AS DOUBLE) AS _curation_spread FROM "relation_7") WHERE "_curation_row" IN (SELECT "_curation_row" FROM "relation_18")) AS event_0 ON event_0."_curation_row" = near."_curation_row"
LEFT JOIN (SELECT * FROM (
        SELECT s.*, CASE WHEN s._curation_drawn THEN coalesce(ends.first_left, 1) ELSE coalesce(ends.last_drawn, 0) END AS _curation_threshold,
            CASE WHEN s._curation_drawn THEN coalesce(ends.first_left, 1) ELSE coalesce(ends.last_drawn, 0) END / sqrt(greatest(1, ends.drawn)) AS _curation_spread
        FROM "relation_16" AS s LEFT JOIN (
            SELECT _curation_stratum,
                min(CASE WHEN NOT _curation_drawn THEN _curation_unit END) AS first_left,
                max(CASE WHEN _curation_drawn AND _curation_probability < 1 THEN _curation_unit END) AS last_drawn,
                count(CASE WHEN _curation_drawn AND _curation_probability < 1 THEN 1 END) AS drawn
            FROM "relation_16" GROUP BY _curation_stratum) AS ends
        ON ends._curation_stratum = s._curation_stratum) WHERE "_curation_row" IN (SELECT "_curation_row" FROM "relation_18")) AS event_1 ON event_1."_curation_row" = near."_curation_row";

SELECT *, CASE WHEN NOT _curation_in_0 THEN 0.0 WHEN _curation_chance_0 >= 1 THEN 1.0 ELSE CASE WHEN coalesce(_curation_unit_0 = _curation_unit_1, FALSE) THEN _curation_threshold_0 ELSE _curation_chance_0 END END AS _curation_p_0, CASE WHEN NOT _curation_in_1 THEN 0.0 WHEN _curation_chance_1 >= 1 THEN 1.0 ELSE CASE WHEN coalesce(_curation_unit_1 = _curation_unit_0, FALSE) THEN _curation_threshold_1 ELSE _curation_chance_1 END END AS _curation_p_1 FROM "relation_19";

SELECT * FROM (
    SELECT *, CASE WHEN (_curation_drawn_0 AND NOT _curation_drawn_1) THEN 1 END AS _curation_level, CASE WHEN _curation_drawn_0 THEN 1 WHEN _curation_drawn_1 THEN 2 END AS _curation_part
    FROM "relation_20" WHERE "_curation_row" NOT IN (SELECT "_curation_row" FROM "relation_17"))
WHERE _curation_level IS NOT NULL;

SELECT count(*) FROM "relation_21";

SELECT "_curation_row", _curation_level, _curation_part, CASE WHEN ((coalesce(_curation_unit_0 = _curation_unit_1, FALSE) AND _curation_p_0 < 1 AND NOT coalesce(_curation_p_0 - _curation_p_1 > 5 * sqrt(power(_curation_spread_0, 2) + power(_curation_spread_1, 2)), FALSE))) AND NOT coalesce(CASE WHEN -1 * (CASE WHEN _curation_p_0 >= 1 OR _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_0 IS NULL OR _curation_p_1 IS NULL THEN NULL ELSE (1.0 - greatest(_curation_p_0, CASE WHEN coalesce(_curation_unit_0 = _curation_unit_1, FALSE) THEN _curation_p_1 ELSE 0.0 END)) * CASE WHEN coalesce(_curation_unit_1 = _curation_unit_0, FALSE) THEN 1.0 ELSE (1.0 - _curation_p_1) END END) + 1 * (CASE WHEN _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_1 IS NULL THEN NULL ELSE (1.0 - _curation_p_1) END) IS NOT NULL THEN least(1.0, greatest(0.0, -1 * (CASE WHEN _curation_p_0 >= 1 OR _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_0 IS NULL OR _curation_p_1 IS NULL THEN NULL ELSE (1.0 - greatest(_curation_p_0, CASE WHEN coalesce(_curation_unit_0 = _curation_unit_1, FALSE) THEN _curation_p_1 ELSE 0.0 END)) * CASE WHEN coalesce(_curation_unit_1 = _curation_unit_0, FALSE) THEN 1.0 ELSE (1.0 - _curation_p_1) END END) + 1 * (CASE WHEN _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_1 IS NULL THEN NULL ELSE (1.0 - _curation_p_1) END))) END >= 1, FALSE) THEN NULL ELSE CASE WHEN -1 * (CASE WHEN _curation_p_0 >= 1 OR _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_0 IS NULL OR _curation_p_1 IS NULL THEN NULL ELSE (1.0 - greatest(_curation_p_0, CASE WHEN coalesce(_curation_unit_0 = _curation_unit_1, FALSE) THEN _curation_p_1 ELSE 0.0 END)) * CASE WHEN coalesce(_curation_unit_1 = _curation_unit_0, FALSE) THEN 1.0 ELSE (1.0 - _curation_p_1) END END) + 1 * (CASE WHEN _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_1 IS NULL THEN NULL ELSE (1.0 - _curation_p_1) END) IS NOT NULL THEN least(1.0, greatest(0.0, -1 * (CASE WHEN _curation_p_0 >= 1 OR _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_0 IS NULL OR _curation_p_1 IS NULL THEN NULL ELSE (1.0 - greatest(_curation_p_0, CASE WHEN coalesce(_curation_unit_0 = _curation_unit_1, FALSE) THEN _curation_p_1 ELSE 0.0 END)) * CASE WHEN coalesce(_curation_unit_1 = _curation_unit_0, FALSE) THEN 1.0 ELSE (1.0 - _curation_p_1) END END) + 1 * (CASE WHEN _curation_p_1 >= 1 THEN 0.0 WHEN _curation_p_1 IS NULL THEN NULL ELSE (1.0 - _curation_p_1) END))) END END * CASE WHEN _curation_level = 1 THEN 1.0::DOUBLE ELSE 1 END AS _curation_probability,
    concat(CASE _curation_level WHEN 1 THEN concat('half@1: ', _curation_reason_0) END, CASE WHEN _curation_level = 1 THEN '' ELSE '' END) AS _curation_reason
FROM "relation_21" WHERE _curation_level <= 1;

SELECT "_curation_row", _curation_part, _curation_probability, _curation_reason FROM "relation_22";

SELECT count(*), count(*) - count(_curation_probability) FROM "relation_23";

SELECT * FROM "relation_23" UNION ALL SELECT "_curation_row", _curation_part, _curation_probability, _curation_reason FROM "relation_17";

SELECT r."id", r."text", r."size", r."label", r."select", r."_curation_key", r."_curation_fingerprint", r."_curation_row", r."_curation_label_source", s._curation_probability AS "inclusion_probability", s._curation_reason AS "drawn_because"
FROM "relation_2" AS r JOIN "relation_24" AS s ON s."_curation_row" = r."_curation_row";

SELECT _curation_part AS number, count(*) AS rows_ FROM "relation_24" GROUP BY _curation_part;

SELECT count(*) FROM (SELECT "_curation_row" FROM (SELECT "_curation_row" FROM "relation_7" UNION SELECT "_curation_row" FROM "relation_17")) WHERE "_curation_row" NOT IN (SELECT "_curation_row" FROM "relation_24" WHERE _curation_part = 0);

SELECT count(*) FROM (SELECT "_curation_row" FROM "relation_7");

SELECT count(*) FROM (SELECT "_curation_row" FROM "relation_16");

SELECT count(*) FROM "relation_25";

SELECT count(*) FROM "relation_2";
