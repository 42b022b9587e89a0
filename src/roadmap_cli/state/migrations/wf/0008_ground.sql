-- A mark that is another one after each change of who may do what: what was concluded under a mark holds while it stands.

CREATE TABLE wf_ground (
    only INTEGER PRIMARY KEY CHECK (only = 1),   -- there is one row
    mark TEXT NOT NULL                           -- 128 random bits, hex: one that was rolled back never comes again
) STRICT;
INSERT INTO wf_ground(only, mark) VALUES (1, hex(randomblob(16)));
CREATE TRIGGER wf_ground_grant_insert AFTER INSERT ON wf_grant BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_grant_update AFTER UPDATE ON wf_grant BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_grant_delete AFTER DELETE ON wf_grant BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_member_insert AFTER INSERT ON wf_member BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_member_update AFTER UPDATE ON wf_member BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_member_delete AFTER DELETE ON wf_member BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_identity_insert AFTER INSERT ON wf_identity BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_identity_update AFTER UPDATE ON wf_identity BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_identity_delete AFTER DELETE ON wf_identity BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_cedar_insert AFTER INSERT ON wf_cedar BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_cedar_update AFTER UPDATE ON wf_cedar BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_cedar_delete AFTER DELETE ON wf_cedar BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_vote_insert AFTER INSERT ON wf_vote BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_vote_update AFTER UPDATE ON wf_vote BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_vote_delete AFTER DELETE ON wf_vote BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_approval_insert AFTER INSERT ON wf_approval BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_approval_update AFTER UPDATE ON wf_approval BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_approval_delete AFTER DELETE ON wf_approval BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_policy_insert AFTER INSERT ON wf_policy BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_policy_update AFTER UPDATE ON wf_policy BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
CREATE TRIGGER wf_ground_policy_delete AFTER DELETE ON wf_policy BEGIN UPDATE wf_ground SET mark = hex(randomblob(16)); END;
