package main

import (
	"strings"
	"testing"
)

// TestNotesOnCredentials: the notes warn of missing credentials only if the values have none.
func TestNotesOnCredentials(t *testing.T) {
	const warning = "has no annotation eks.amazonaws.com/role-arn"
	for name, test := range map[string]struct {
		values string
		warns  bool
	}{
		"default":             {"{}", true},
		"a role":              {"serviceAccount: {annotations: {eks.amazonaws.com/role-arn: arn}}", false},
		"another annotation":  {"serviceAccount: {annotations: {eks.amazonaws.com/audience: a}}", true},
		"another account":     {"serviceAccount: {create: false, name: own}", false},
		"keys":                {"extraEnv: [{name: AWS_ACCESS_KEY_ID, valueFrom: {secretKeyRef: {name: a, key: b}}}]", false},
		"a token":             {"extraEnv: [{name: AWS_ROLE_ARN, value: arn}, {name: AWS_WEB_IDENTITY_TOKEN_FILE, value: /token}]", false},
		"a role and no token": {"extraEnv: [{name: AWS_ROLE_ARN, value: arn}]", true},
		"an agent":            {"extraEnv: [{name: AWS_CONTAINER_CREDENTIALS_FULL_URI, value: 'http://169.254.170.23/v1/credentials'}]", false},
		"a profile":           {"extraEnv: [{name: AWS_PROFILE, value: a}]", false},
		"another variable":    {"extraEnv: [{name: HTTPS_PROXY, value: 'http://proxy:3128'}]", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, err := runHelm(t, []string{"install", "secretsync", folder, "--dry-run=client"}, test.values)
			if err != nil {
				t.Fatal(err)
			}
			_, notes, found := strings.Cut(output, "\nNOTES:\n")
			if !found || !strings.Contains(notes, "A first SecretSync:") {
				t.Fatalf("there are no notes: %s", notes)
			}
			if got := strings.Contains(notes, warning); got != test.warns {
				t.Errorf("warns: %t, want %t: %s", got, test.warns, notes)
			}
		})
	}
}
