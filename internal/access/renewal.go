package access

// Renew starts the request for a token's renewal; the token does not move.
const Renew Action = "renew"

// LiveTokens counts a person's live tokens for the quota. A token and the one
// that renews it count as one; so does the token whose renewal (renewing) is
// asked for or collected, because it gives way to the new one.
func LiveTokens(live []Grant, renewing string) int {
	gives := map[string]bool{renewing: true}
	for _, g := range live {
		if g.Renews != "" {
			gives[g.Renews] = true
		}
	}
	n := 0
	for _, g := range live {
		if !gives[g.ID] {
			n++
		}
	}
	return n
}
