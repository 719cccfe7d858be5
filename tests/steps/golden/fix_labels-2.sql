-- fix_labels: drop above 0, queue the rest

SELECT "text", "size", "label", "_curation_row", "_curation_label_source" FROM "relation_2" ORDER BY "_curation_key", "_curation_fingerprint", "id", "text", "size", "label", "select";

SELECT * FROM incoming;

SELECT r.* FROM "relation_2" r LEFT JOIN "relation_3" f ON f.row_ = r."_curation_row" WHERE NOT (f.outcome IS NOT DISTINCT FROM 'done' AND True);

SELECT count(*) FILTER (WHERE outcome = 'done'),
                count(*) FILTER (WHERE outcome = 'queued'),
                count(*) FILTER (WHERE outcome = 'protected') FROM "relation_3";

SELECT r."_curation_key" AS record_key, CASE WHEN trim(r."label") <> '' THEN r."label" END AS given_label,
                f.suggested_label,
                'likely label error, not certain enough to be changed' AS reason
            FROM "relation_3" f JOIN "relation_2" r ON r."_curation_row" = f.row_
            WHERE f.outcome = 'queued' ORDER BY record_key, given_label;

SELECT count(*) FROM "relation_2";

SELECT count(*) FROM "relation_4";
