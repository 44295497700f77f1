-- name: OwnersPage :many
-- An owner is called what the latest of the accounts says.
SELECT found.owner_id, latest.owner_name
FROM (
    SELECT DISTINCT o.owner_id FROM readmodel.owners o
    WHERE o.owner_id > @after AND (@one_owner::text = '' OR o.owner_id = @one_owner)
    ORDER BY o.owner_id LIMIT @row_limit
) AS found
CROSS JOIN LATERAL (
    SELECT o.owner_name FROM readmodel.owners o WHERE o.owner_id = found.owner_id ORDER BY o.position DESC LIMIT 1
) AS latest
ORDER BY found.owner_id;

-- name: OwnersByWords :many
-- Owners of accounts whose name has all the words, or words that begin so.
SELECT found.owner_id, latest.owner_name
FROM (
    SELECT DISTINCT o.owner_id FROM readmodel.owners o
    WHERE to_tsvector('simple', o.words) @@ to_tsquery('simple', @words) AND o.owner_id > @after
      AND (@one_owner::text = '' OR o.owner_id = @one_owner)
    ORDER BY o.owner_id LIMIT @row_limit
) AS found
CROSS JOIN LATERAL (
    SELECT o.owner_name FROM readmodel.owners o WHERE o.owner_id = found.owner_id ORDER BY o.position DESC LIMIT 1
) AS latest
ORDER BY found.owner_id;

-- name: AccountsOf :many
SELECT account_id, owner_name, position FROM readmodel.owners
WHERE owner_id = @owner_id
ORDER BY account_id LIMIT @row_limit;
