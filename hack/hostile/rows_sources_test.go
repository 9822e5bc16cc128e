package hostile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// hangs is a region that does not answer.
const hangs = "us-east-2"

// entries is a spec of n keys, each of a secret of its own.
func entries(n int, id func(i int) string) v1alpha1.SecretSyncSpec {
	var spec v1alpha1.SecretSyncSpec
	for i := range n {
		spec.Data = append(spec.Data, v1alpha1.DataKey{Key: fmt.Sprintf("k-%d", i), Source: &v1alpha1.EntrySource{SecretID: id(i)}})
	}
	return spec
}

// missing is an attack by SecretSyncs of secrets that do not exist, several for each secret.
func missing(n, each, questions int, id func(i, entry int) string) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		a.questions.Add(int64(questions))
		a.syncs(n, func(i int) v1alpha1.SecretSyncSpec {
			return entries(each, func(entry int) string { return "/" + a.namespace + "/" + id(i, entry) })
		})
		return nil
	}
}

// regional is an attack by n SecretSyncs of one secret, each in another region.
func regional(n int, region func(i int) string) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		a.questions.Add(int64(n))
		a.syncs(n, func(i int) v1alpha1.SecretSyncSpec {
			spec := whole("/" + a.namespace + "/db")
			spec.Source.Region = region(i)
			return spec
		})
		return nil
	}
}

func invented(i int) string { return fmt.Sprintf("eu-invented-%d", i) }

// inventedBeforeARestart makes the manager see the attacker's regions before the victim's.
func inventedBeforeARestart(a *attacker) func(int) {
	regional(100, invented)(a)
	if err := a.manager.Stop(); err != nil {
		a.Fatal(err)
	}
	a.start(a.T)
	a.AWS().ResetCalls()
	id := a.secret("db", "x")
	a.objects.Add(100)
	a.many(100, func(i int) client.Object { return a.sync(1000+i, whole(id)) })
	a.questions.Store(1) // The regions need no call.
	return func(int) { a.renew(id, "x") }
}

// hanging is an attack by reads in a region that does not answer.
func hanging(n int, spec func(a *attacker, i int) v1alpha1.SecretSyncSpec) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		if err := a.AWS().SetOutages(localaws.Outage{Region: hangs, Kind: localaws.OutageHang, Services: []string{"secretsmanager", "sts"}}); err != nil {
			a.Fatal(err)
		}
		a.questions.Add(int64(n))
		a.syncs(n, func(i int) v1alpha1.SecretSyncSpec { return spec(a, i) })
		return func(round int) { a.refresh(n, round) }
	}
}

// found is an attack by n SecretSyncs that find secrets among many.
func found(n, secrets int, find func(a *attacker) v1alpha1.Find) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		team, key := "attackers", "team"
		id := a.secret("db", "x", types.Tag{Key: &key, Value: &team})
		a.parallel(secrets, func(i int) error {
			return a.newSecret(fmt.Sprintf("many/%d", i), "x", types.Tag{Key: &key, Value: &team})
		})
		a.questions.Add(int64(secrets))
		a.syncs(n, func(int) v1alpha1.SecretSyncSpec {
			var spec v1alpha1.SecretSyncSpec
			wanted := find(a)
			spec.DataFrom = []v1alpha1.DataFrom{{Find: &wanted}}
			return spec
		})
		return func(int) { a.renew(id, "x") }
	}
}

func TestBesideSources(t *testing.T) {
	const synced, notFound = v1alpha1.ReasonSynced, v1alpha1.ReasonSecretNotFound
	beside(t, newSetup(t), []row{
		{"source.secretID, one that is missing", missing(400, 1, 1, func(int, int) string { return "missing" }), []string{notFound}},
		{"data.source.secretID, 2500 that are missing", missing(10, 250, 2500, func(i, entry int) string { return fmt.Sprintf("missing/%d/%d", i, entry) }), []string{notFound}},
		{"source.secretID, longest names", func(a *attacker) func(int) {
			a.questions.Add(100)
			a.syncs(100, func(i int) v1alpha1.SecretSyncSpec { return whole(fmt.Sprintf("%s%03d", strings.Repeat("x", 509), i)) })
			return nil
		}, []string{notFound}},
		{"source.secretID, invented accounts", func(a *attacker) func(int) {
			a.questions.Add(100)
			a.syncs(100, func(i int) v1alpha1.SecretSyncSpec {
				return whole(fmt.Sprintf("arn:aws:secretsmanager:%s:%012d:secret:db-AbCdEf", localaws.DefaultRegion, i))
			})
			return nil
		}, []string{notFound, v1alpha1.ReasonAccessDenied}},
		{"source.versionID, 150 that are missing", readingAs(150, func(id string, _ int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Source.VersionID = newID()
			return spec
		}), []string{v1alpha1.ReasonVersionNotFound}},
		{"source.versionStage, 150 labels", attackOf(150, "x", func(id string, i int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Source.VersionStage = fmt.Sprintf("%s%03d", strings.Repeat("x", 253), i)
			return spec
		}), []string{v1alpha1.ReasonVersionNotFound}},
		{"source.region, 100 invented ones", regional(100, invented), nil},
		{"source.region, invented ones before a restart", inventedBeforeARestart, nil},
		{"source.region, one that hangs", hanging(100, func(a *attacker, _ int) v1alpha1.SecretSyncSpec {
			spec := whole("/" + a.namespace + "/db")
			spec.Source.Region = hangs
			return spec
		}), []string{v1alpha1.ReasonRegionUnavailable}},
		{"source.failoverRegions, all that hang", hanging(100, func(a *attacker, _ int) v1alpha1.SecretSyncSpec {
			spec := whole("/" + a.namespace + "/db")
			spec.Source.Region, spec.Source.FailoverRegions = hangs, []string{hangs + "1", hangs + "2", hangs + "3", hangs + "4"}
			return spec
		}), nil},
		{"pollInterval, 150 secrets each second", func(a *attacker) func(int) {
			a.questions.Add(150)
			a.parallel(150, func(i int) error { return a.newSecret(fmt.Sprint(i), "x") })
			a.syncs(150, func(i int) v1alpha1.SecretSyncSpec { return whole(fmt.Sprintf("/%s/%d", a.namespace, i)) })
			return nil
		}, []string{synced}},
		{"find.namePrefix, as many as may match", found(20, 99, func(a *attacker) v1alpha1.Find { return v1alpha1.Find{NamePrefix: "/" + a.namespace + "/"} }), []string{synced}},
		{"find.namePrefix, too many", found(100, 1000, func(a *attacker) v1alpha1.Find { return v1alpha1.Find{NamePrefix: "/" + a.namespace + "/"} }), []string{v1alpha1.ReasonFindTooBroad}},
		{"find.tags, with all else", found(100, 99, func(a *attacker) v1alpha1.Find {
			return v1alpha1.Find{NamePrefix: "/" + a.namespace + "/", NamePattern: ".*", Tags: map[string]string{"team": "attackers"}}
		}), []string{synced}},
	})
}

// byRole is a spec of one secret, read by a role.
func byRole(id, role string) v1alpha1.SecretSyncSpec {
	spec := whole(id)
	spec.Auth.RoleARN = "arn:aws:iam::" + localaws.DefaultAccount + ":role/" + role
	return spec
}

// readingAs is an attack by n SecretSyncs that read one secret, each by an identity of its own, or another version of
// it.
func readingAs(n int, spec func(id string, i int) v1alpha1.SecretSyncSpec) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		a.questions.Add(int64(n))
		return attackOf(n, "x", spec)(a)
	}
}

// deny makes STS refuse the roles whose names begin with a prefix.
func (a *attacker) deny(prefix string) {
	a.AWS().SetRules(localaws.Rule{Deny: true, Action: "sts:*", Resource: "*:role/" + prefix + "*"})
}

// accounts makes n ServiceAccounts with an annotation that names a role.
func (a *attacker) accounts(n int, role func(i int) string) {
	a.Helper()
	a.many(n, func(i int) client.Object {
		return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: nameOf(i), Annotations: map[string]string{"eks.amazonaws.com/role-arn": role(i)}}}
	})
}

// byAccounts is an attack by n SecretSyncs of one secret, each with a ServiceAccount of its own.
func byAccounts(n int, role func(i int) string, questions int) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		a.deny("denied")
		id := a.secret("db", "x")
		a.questions.Add(int64(questions))
		a.accounts(n, role)
		a.syncs(n, func(i int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Auth.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Name: nameOf(i)}
			return spec
		})
		return func(int) { a.renew(id, "x") }
	}
}

func roleARN(name string) string { return "arn:aws:iam::" + localaws.DefaultAccount + ":role/" + name }

func TestBesideIdentities(t *testing.T) {
	const synced, denied, unavailable = v1alpha1.ReasonSynced, v1alpha1.ReasonAssumeRoleDenied, v1alpha1.ReasonCredentialsUnavailable
	beside(t, newSetup(t), []row{
		{"auth.roleARN, denied, 250 secrets each", func(a *attacker) func(int) {
			a.deny("denied")
			a.questions.Add(1)
			a.syncs(10, func(i int) v1alpha1.SecretSyncSpec {
				spec := entries(250, func(entry int) string { return fmt.Sprintf("/%s/%d/%d", a.namespace, i, entry) })
				spec.Auth.RoleARN = roleARN("denied")
				return spec
			})
			return func(round int) { a.refresh(10, round) }
		}, []string{denied}},
		{"auth.roleARN, 150 roles", readingAs(150, func(id string, i int) v1alpha1.SecretSyncSpec { return byRole(id, fmt.Sprint("role-", i)) }), []string{synced}},
		{"auth.roleARN, longest name", readingAs(64, func(id string, i int) v1alpha1.SecretSyncSpec {
			return byRole(id, strings.Repeat("x", 1900)+fmt.Sprint(i))
		}), nil},
		{"auth.externalID, 150 of one role", readingAs(150, func(id string, i int) v1alpha1.SecretSyncSpec {
			spec := byRole(id, "role")
			spec.Auth.ExternalID = fmt.Sprint(strings.Repeat("x", 1000), i)
			return spec
		}), []string{synced}},
		{"auth.viaRoleARNs, 64 chains of five roles", readingAs(64, func(id string, i int) v1alpha1.SecretSyncSpec {
			spec := byRole(id, fmt.Sprint("last-", i))
			for via := range 4 {
				spec.Auth.ViaRoleARNs = append(spec.Auth.ViaRoleARNs, roleARN(fmt.Sprintf("via-%d-%d", i, via)))
			}
			return spec
		}), []string{synced}},
		{"auth.serviceAccountRef, 150 of them", byAccounts(150, func(i int) string { return roleARN(fmt.Sprint("web-", i)) }, 150), []string{synced}},
		{"auth.serviceAccountRef, 150 denied", byAccounts(150, func(i int) string { return roleARN(fmt.Sprint("denied-", i)) }, 150), []string{denied}},
		{"auth.serviceAccountRef, missing", func(a *attacker) func(int) {
			a.syncs(150, func(i int) v1alpha1.SecretSyncSpec {
				spec := whole("/nothing")
				spec.Auth.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Name: nameOf(i)}
				return spec
			})
			return func(round int) { a.refresh(100, round) }
		}, []string{unavailable}},
		{"role-arn annotations, 200 kB", byAccounts(40, func(i int) string { return roleARN(strings.Repeat("x", 200_000) + fmt.Sprint(i)) }, 0), []string{unavailable}},
	})
}
