-- +goose Up

INSERT INTO schema_programs (version, min_program) VALUES (33, 7);

-- The trigrams of the texts that are searched. The texts stay where they are; which
-- three characters stand in which row is kept here, by the triggers below, and what
-- goes from a row goes from here and from the file (secure-delete). Rows are known
-- by their rowid, which VACUUM leaves alone in a table that has an index. A migration
-- that makes one of these tables anew makes its triggers anew, and says 'rebuild'.
-- +goose StatementBegin
CREATE VIRTUAL TABLE people_search USING fts5 (search, content = 'people', tokenize = 'trigram case_sensitive 1', detail = 'none', columnsize = 0);
-- +goose StatementEnd
-- +goose StatementBegin
CREATE VIRTUAL TABLE requests_search USING fts5 (search, content = 'requests', tokenize = 'trigram case_sensitive 1', detail = 'none', columnsize = 0);
-- +goose StatementEnd
-- +goose StatementBegin
CREATE VIRTUAL TABLE found_tokens_search USING fts5 (search, content = 'found_tokens', tokenize = 'trigram case_sensitive 1', detail = 'none', columnsize = 0);
-- +goose StatementEnd
INSERT INTO people_search (people_search, rank) VALUES ('secure-delete', 1);
INSERT INTO requests_search (requests_search, rank) VALUES ('secure-delete', 1);
INSERT INTO found_tokens_search (found_tokens_search, rank) VALUES ('secure-delete', 1);
INSERT INTO people_search (people_search) VALUES ('rebuild');
INSERT INTO requests_search (requests_search) VALUES ('rebuild');
INSERT INTO found_tokens_search (found_tokens_search) VALUES ('rebuild');

-- +goose StatementBegin
CREATE TRIGGER people_search_added AFTER INSERT ON people BEGIN
    INSERT INTO people_search (rowid, search) VALUES (new.rowid, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER people_search_changed AFTER UPDATE OF search ON people WHEN old.search <> new.search BEGIN
    INSERT INTO people_search (people_search, rowid, search) VALUES ('delete', old.rowid, old.search);
    INSERT INTO people_search (rowid, search) VALUES (new.rowid, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER people_search_removed AFTER DELETE ON people BEGIN
    INSERT INTO people_search (people_search, rowid, search) VALUES ('delete', old.rowid, old.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER requests_search_added AFTER INSERT ON requests BEGIN
    INSERT INTO requests_search (rowid, search) VALUES (new.rowid, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER requests_search_changed AFTER UPDATE OF search ON requests WHEN old.search <> new.search BEGIN
    INSERT INTO requests_search (requests_search, rowid, search) VALUES ('delete', old.rowid, old.search);
    INSERT INTO requests_search (rowid, search) VALUES (new.rowid, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER requests_search_removed AFTER DELETE ON requests BEGIN
    INSERT INTO requests_search (requests_search, rowid, search) VALUES ('delete', old.rowid, old.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER found_tokens_search_added AFTER INSERT ON found_tokens BEGIN
    INSERT INTO found_tokens_search (rowid, search) VALUES (new.rowid, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER found_tokens_search_changed AFTER UPDATE OF search ON found_tokens WHEN old.search <> new.search BEGIN
    INSERT INTO found_tokens_search (found_tokens_search, rowid, search) VALUES ('delete', old.rowid, old.search);
    INSERT INTO found_tokens_search (rowid, search) VALUES (new.rowid, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER found_tokens_search_removed AFTER DELETE ON found_tokens BEGIN
    INSERT INTO found_tokens_search (found_tokens_search, rowid, search) VALUES ('delete', old.rowid, old.search);
END;
-- +goose StatementEnd
