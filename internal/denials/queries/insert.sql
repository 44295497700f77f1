-- Write denials. One that stands already, because nobody knew whether it had arrived, is passed over.
INSERT INTO audit.denials (id, denied_at, times, api, code, status, method, route, about, issuer, actor, client, user_agent, address, request_id)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::uuid[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
ON CONFLICT DO NOTHING
