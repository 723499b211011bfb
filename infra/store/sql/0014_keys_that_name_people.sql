-- Until now every key could name whoever packed and verified. Those that did so may go on.
UPDATE ordinal.api_keys SET scopes = array_append(scopes, 'on-behalf-of')
    WHERE 'fulfilment:write' = ANY (scopes) AND NOT 'on-behalf-of' = ANY (scopes);
