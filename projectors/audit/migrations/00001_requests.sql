-- +goose Up
create table requests (
    id            uuid        primary key,
    ts            timestamptz not null,
    log_offset    bigint      not null,
    log_partition integer     not null,
    duplicate     boolean     not null,
    phone         text        not null,
    doc           jsonb       not null
);

-- What people ask through the public view, which shows the document alone. ts is text of a fixed length there: it sorts.
create index on requests ((doc->>'ts') desc);
create index on requests ((doc->>'phone'), (doc->>'ts') desc);
create index on requests ((doc->>'ip'), (doc->>'ts') desc);
create index on requests ((doc->>'event_id'));
-- Rewinds, verification, and expiry from the oldest on.
create index on requests (log_partition, log_offset);
-- The look-up of openers. Of a phone with a million duplicates it holds one entry a day.
create index requests_openers on requests (phone, log_offset) where not duplicate;

comment on table requests is 'One document for each event of the last 90 days.';
comment on column requests.id is 'The key of the record in the topic phone-submitted.';
comment on column requests.doc is 'The same document as in MongoDB''s collection requests; the columns before it repeat what the projection needs.';

-- What everybody reads. A later version of the table takes the view over; until then this one has it.
-- +goose StatementBegin
do $$
begin
    if to_regclass('public.requests') is null then
        create view public.requests as select id, doc from requests;
    end if;
end
$$;
-- +goose StatementEnd
