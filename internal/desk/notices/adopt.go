package notices

import (
	"encoding/json"
	"fmt"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// JobAdopt takes over the token of an approved request.
const JobAdopt = "found.adopt"

// AdoptRef is the data of the job that adopts a token once its request is approved.
type AdoptRef struct {
	Request string `json:"request"`
}

// adoptJob takes over the token of r, which was just approved.
func (ns *Notices) adoptJob(r access.Request) jobs.Insert {
	data, _ := json.Marshal(AdoptRef{r.ID}) // always marshals
	return desk.NewJob(r.Tenant, JobAdopt, fmt.Sprintf("%s:v%d", r.ID, r.Version), data, ns.desk.Now())
}
