package store

import (
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
)

// The parts that different people must have. Each begins with a column that an
// index finds; together they look at all there is, however much that is.
var (
	approved = func(request string) string {
		return `EXISTS (SELECT 1 FROM votes v WHERE v.object = ` + request + `.id AND v.round = ` + request + `.round AND v.person IN @pair AND v.stage > 0 AND v.verdict = '` + string(access.Yes) + `')`
	}
	grantDuties = []string{
		`g.owner IN @pair AND (g.sponsor IN @pair OR g.sponsor_asked IN @pair OR ` + approved("r") + ` OR g.state IN @making)`,
		`g.sponsor IN @pair AND (` + approved("r") + ` OR g.state IN @making)`,
		`g.sponsor_asked IN @pair AND ` + approved("r"),
	}
	ofRound       = `SELECT COUNT(DISTINCT v.person) FROM votes v WHERE v.object = requests.id AND v.round = requests.round AND v.person IN @pair`
	requestDuties = []string{
		`requester IN @pair AND (sponsor IN @pair OR (` + ofRound + `) > 0 OR state IN @making)`,
		`id IN (SELECT object FROM votes WHERE tenant = @tenant AND person IN @pair) AND ((` + ofRound + `) > 1 OR (state IN @making AND (` + ofRound + ` AND v.stage = 0) > 0))`,
	}
)

// GrantDuties returns the grants in one of the live states in which a and b, were
// they one person, would have two parts that different people must have; and
// those that they own or stand for in one of the states making.
func (tx *Tx) GrantDuties(tenant access.TenantID, a, b access.PersonID, live, making []access.GrantState) ([]string, error) {
	return tx.duties(grantDuties, `SELECT g.id FROM grants g JOIN requests r ON r.id = g.request_id WHERE g.tenant = @tenant AND g.state IN @live AND `,
		tenant, a, b, anyOf(live), anyOf(making))
}

// RequestDuties is GrantDuties for requests in one of the open states.
func (tx *Tx) RequestDuties(tenant access.TenantID, a, b access.PersonID, open, making []access.RequestState) ([]string, error) {
	return tx.duties(requestDuties, `SELECT id FROM requests WHERE tenant = @tenant AND state IN @live AND `,
		tenant, a, b, anyOf(open), anyOf(making))
}

func (tx *Tx) duties(parts []string, from string, tenant access.TenantID, a, b access.PersonID, live, making []string) ([]string, error) {
	var selects []string
	for _, p := range parts {
		selects = append(selects, from+"("+p+")")
	}
	var out []string
	err := tx.db.Raw(strings.Join(selects, " UNION ")+" ORDER BY 1", map[string]any{"tenant": string(tenant),
		"pair": []string{string(a), string(b)}, "live": live, "making": making}).Scan(&out).Error
	return out, tx.fail("duties", err)
}
