package notify

import "testing"

// What a full ARN means is certain, and what a partial one or a name means is not.
func TestASecretIsOneOrAnother(t *testing.T) {
	const full, partial, named = prefix + "db-a1b2c3", prefix + "db", "db"
	for name, test := range map[string]struct {
		change Change
		ours   string
		want   bool
	}{
		"a full ARN and itself":                        {Change{ARN: full}, full, true},
		"a full ARN and the partial one":               {Change{ARN: full}, partial, true},
		"a full ARN and the name":                      {Change{ARN: full}, named, true},
		"a full ARN and a name that looks like it":     {Change{ARN: full}, "db-a1b2c3", false},
		"a full ARN and that of a namesake":            {Change{ARN: full}, prefix + "db-x9y8z7", false},
		"an ARN that may be full, and such a name":     {Change{SecretID: full}, "db-a1b2c3", true},
		"an ARN that may be full, and the name":        {Change{SecretID: full}, named, true},
		"an ARN that may be full, and a namesake's":    {Change{SecretID: full}, prefix + "db-x9y8z7", false},
		"a partial ARN and the full one":               {Change{SecretID: partial}, full, true},
		"a name and the full ARN":                      {Change{SecretID: named}, full, true},
		"a name and the partial ARN":                   {Change{SecretID: named}, partial, true},
		"a name and itself":                            {Change{SecretID: named}, named, true},
		"a name and a longer one":                      {Change{SecretID: named}, "db-a1b2c3", false},
		"a longer name and the ARN of the short one":   {Change{SecretID: "db-a1b2c3"}, partial, false},
		"a longer name and an ARN that may be its own": {Change{SecretID: "db-a1b2c3"}, full, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.change.isOf(test.ours); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
