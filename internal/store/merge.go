package store

import (
	"fmt"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
)

// SubsOf lists the launch identities that are linked to a person.
func (tx *Tx) SubsOf(tenant access.TenantID, id access.PersonID) ([]string, error) {
	var out []string
	err := tx.db.Model(&subRow{}).Where("tenant = ? AND person = ?", string(tenant), string(id)).Order("sub").Pluck("sub", &out).Error
	return out, tx.fail("subs of person", err)
}

// mergeMoves are what a merge rewrites from one person to another, in order. A row
// in which the other has a part that separates duties from this one stays as it
// was: it is history, because whoever merges has ended what was live. The
// marks stand for who stays, the tenant, who goes, and who stays again.
var mergeMoves = []string{
	`UPDATE requests SET requester = ? WHERE tenant = ? AND requester = ?
		AND COALESCE(sponsor, '') <> ? AND NOT EXISTS (SELECT 1 FROM votes v WHERE v.object = requests.id AND v.person = ?)`,
	`UPDATE requests SET sponsor = ? WHERE tenant = ? AND sponsor = ? AND requester <> ?`,
	`UPDATE requests SET ended_by = ? WHERE tenant = ? AND ended_by = ?`,
	`UPDATE grants SET owner = ? WHERE tenant = ? AND owner = ?
		AND COALESCE(sponsor, '') <> ? AND COALESCE(sponsor_asked, '') <> ? AND NOT EXISTS (SELECT 1 FROM votes v WHERE v.object = grants.id AND v.person = ?)`,
	`UPDATE grants SET sponsor = ? WHERE tenant = ? AND sponsor = ? AND owner <> ?`,
	`UPDATE grants SET sponsor_asked = ? WHERE tenant = ? AND sponsor_asked = ? AND owner <> ?`,
	`UPDATE grants SET frozen_by = ? WHERE tenant = ? AND frozen_by = ?`,
	`UPDATE grants SET ended_by = ? WHERE tenant = ? AND ended_by = ?`,
	`UPDATE grants SET sponsor_was = ? WHERE tenant = ? AND sponsor_was = ?`,
	`UPDATE grants SET turned_down = ? WHERE tenant = ? AND turned_down = ?`,
	`UPDATE incidents SET owner = ? WHERE tenant = ? AND owner = ? AND COALESCE(cleared_by, '') <> ?`,
	`UPDATE incidents SET reported_by = ? WHERE tenant = ? AND reported_by = ?`,
	`UPDATE found_tokens SET owner = ? WHERE tenant = ? AND owner = ?`,
	`UPDATE votes SET owner = ? WHERE tenant = ? AND owner = ? AND NOT EXISTS (SELECT 1 FROM votes v WHERE v.object = votes.object AND v.person = ?)`,
	`UPDATE votes SET person = ? WHERE tenant = ? AND person = ? AND owner <> ?
		AND NOT EXISTS (SELECT 1 FROM votes v WHERE v.object = votes.object AND v.round = votes.round AND v.person = ?)`,
	`UPDATE person_subs SET person = ? WHERE tenant = ? AND person = ?`,
	`UPDATE people SET merged_into = ? WHERE tenant = ? AND merged_into = ?`,
}

// MergePerson makes one person out of two, because Canvas merged their accounts:
// what from had and did is into's, launches of either are into's, and from's
// sessions end. It raises no version and moves no state; end or send back first
// what one person may not have two parts in. Either one unknown, or merged
// already, is access.ErrNotFound.
func (tx *Tx) MergePerson(tenant access.TenantID, from, into access.PersonID, told audit.Event, d *audit.Detail) error {
	if err := tx.may("merge person"); err != nil {
		return err
	}
	if from == into {
		return fmt.Errorf("merge person %s into themselves", from)
	}
	for _, id := range []access.PersonID{from, into} {
		p, err := tx.Person(tenant, id)
		if err != nil {
			return err
		}
		if p.MergedInto != "" {
			return missing("person who was merged already")
		}
	}
	for _, statement := range mergeMoves {
		args := []any{string(into), string(tenant), string(from)}
		for range countMarks(statement) - len(args) {
			args = append(args, string(into))
		}
		if err := tx.db.Exec(statement, args...).Error; err != nil {
			return tx.fail("merge person", err)
		}
	}
	if err := tx.db.Exec("UPDATE people SET merged_into = ? WHERE tenant = ? AND id = ?", string(into), string(tenant), string(from)).Error; err != nil {
		return tx.fail("merge person", err)
	}
	if err := tx.db.Exec("DELETE FROM sessions WHERE tenant = ? AND person = ?", string(tenant), string(from)).Error; err != nil {
		return tx.fail("merge person", err)
	}
	return tx.tell(tenant, told, d)
}

func countMarks(statement string) (n int) {
	for _, c := range statement {
		if c == '?' {
			n++
		}
	}
	return n
}
