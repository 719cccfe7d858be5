-- apply_annotations: the decisions made in review

SELECT * FROM incoming;

SELECT DISTINCT value FROM "relation_3" WHERE decision = 'relabel' AND value IS NOT NULL AND TRY_CAST(value AS VARCHAR) IS NULL ORDER BY value LIMIT 5;

WITH by_key AS (
    SELECT d.number, r."_curation_row" AS row_, CASE WHEN list_contains(list_transform(d.givens, lambda x: coalesce(x, chr(24))),
        coalesce(CASE WHEN trim(r."label") <> '' THEN r."label" END, chr(24))) THEN 'as_given'
    WHEN d.decision = 'relabel' AND CASE WHEN trim(r."label") <> '' THEN r."label" END = d.value THEN 'already' ELSE 'other' END AS label_is,
        CASE WHEN r."_curation_fingerprint" = d.fingerprint THEN 'same' ELSE 'changed' END AS match
    FROM "relation_3" d JOIN "relation_2" r ON r."_curation_key" = d.record_key
    WHERE d.decision <> 'unsure'),
by_content AS (
    SELECT d.number, r."_curation_row" AS row_, CASE WHEN list_contains(list_transform(d.givens, lambda x: coalesce(x, chr(24))),
        coalesce(CASE WHEN trim(r."label") <> '' THEN r."label" END, chr(24))) THEN 'as_given'
    WHEN d.decision = 'relabel' AND CASE WHEN trim(r."label") <> '' THEN r."label" END = d.value THEN 'already' ELSE 'other' END AS label_is, 'moved' AS match
    FROM "relation_3" d JOIN "relation_2" r ON r."_curation_fingerprint" = d.fingerprint
    WHERE d.decision <> 'unsure' AND d.number NOT IN (SELECT number FROM by_key)
        AND r."_curation_row" NOT IN (SELECT row_ FROM by_key WHERE match = 'same'))
SELECT * FROM by_key UNION ALL SELECT * FROM by_content;

SELECT d.number, any_value(d.decision) AS decision, any_value(d.value) AS value,
    any_value(d.standing) AS standing,
    CASE WHEN any_value(d.decision) = 'unsure' THEN 'unsure'
        WHEN any_value(d.standing) = 'disputed' THEN 'disputed'
        WHEN bool_or(p.match IN ('same', 'moved')) AND any_value(d.standing) = 'queue'
            THEN 'reclassify'
        WHEN bool_or(p.match = 'same' AND p.label_is <> 'other') THEN 'applied'
        WHEN bool_or(p.match = 'moved' AND p.label_is <> 'other') THEN 'moved'
        WHEN bool_or(p.match IN ('same', 'moved')) THEN 'contradiction'
        WHEN bool_or(p.match = 'changed') THEN 'content_changed'
        WHEN any_value(FALSE) THEN 'near'
        ELSE 'gone' END AS outcome
FROM "relation_3" d LEFT JOIN "relation_4" p ON p.number = d.number
GROUP BY d.number;

SELECT p.row_, o.decision, o.value, o.standing,
    o.standing = 'in_force' AND o.decision = 'relabel'
        AND CASE WHEN trim(r."label") <> '' THEN r."label" END IS DISTINCT FROM o.value AS is_new_label
FROM "relation_4" p JOIN "relation_5" o ON o.number = p.number
    JOIN "relation_2" r ON r."_curation_row" = p.row_
WHERE o.outcome IN ('applied', 'moved', 'reclassify') AND p.match <> 'changed'
    AND p.label_is <> 'other'
QUALIFY row_number() OVER (PARTITION BY p.row_ ORDER BY p.number DESC) = 1;

SELECT r.* REPLACE (
    CASE WHEN c.standing = 'queue' THEN NULL
        WHEN c.decision IN ('relabel', 'confirm') AND c.value IS NOT NULL
            THEN CAST(c.value AS VARCHAR)
        ELSE r."label" END AS "label",
    CASE WHEN c.standing = 'in_force' THEN 'person' ELSE r."_curation_label_source" END AS "_curation_label_source")
FROM "relation_2" r LEFT JOIN "relation_6" c ON c.row_ = r."_curation_row"
WHERE (c.decision IS DISTINCT FROM 'exclude' AND c.standing IS DISTINCT FROM 'excluded');

SELECT outcome, count(*) AS "rows" FROM "relation_5" GROUP BY outcome;

SELECT count(*) FROM "relation_6" WHERE is_new_label;

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_7";

SELECT DISTINCT r."_curation_key" AS record_key, CASE WHEN trim(r."label") <> '' THEN r."label" END AS given_label, o.value AS suggested_label,
    CASE o.outcome WHEN 'contradiction' THEN 'the source gives another label than at review' WHEN 'content_changed' THEN 'the content changed since review' WHEN 'near' THEN 'much like a record that was reviewed and is gone' WHEN 'disputed' THEN 'annotators disagree' WHEN 'reclassify' THEN 'its class was split or retired' WHEN 'unknown' THEN 'its label is no class of the taxonomy' END AS reason
FROM "relation_4" p JOIN "relation_5" o ON o.number = p.number
    JOIN "relation_2" r ON r."_curation_row" = p.row_
WHERE o.outcome IN ('contradiction', 'content_changed', 'near', 'disputed', 'reclassify', 'unknown') ORDER BY ALL;
