-- Denials before a place, newest first. The plan is made for the values: which index serves depends on which filters there are.
SELECT id, denied_at, times, api, code, status, method, route, about, issuer, actor, client, user_agent, address, request_id
FROM audit.denials
WHERE (denied_at, id) < ($1, $2)
  AND ($3::text IS NULL OR actor = $3)
  AND ($4::text IS NULL OR code = $4)
  AND ($5::timestamptz IS NULL OR denied_at >= $5)
ORDER BY denied_at DESC, id DESC LIMIT $6
