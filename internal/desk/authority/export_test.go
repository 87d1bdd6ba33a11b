package authority

// What tests of this room reach into.

const (
	CustomStudentView = customStudentView
	RolesBatch        = rolesBatch
	RolesEvery        = rolesEvery
	RolesLife         = rolesLife
)
