package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// replicaRegion has the replicas. Each test has another primary region, because the operator avoids a region for a
// while after it was down.
const replicaRegion = "eu-south-1"

// replicated is a secret with a replica in another region, and a client of each region.
type replicated struct {
	*setup
	id, homeRegion string
	home, replica  *secretsmanager.Client
	spec           v1alpha1.SecretSyncSpec
}

// newReplicated creates the secret; its version is two hours old.
func newReplicated(t *testing.T, homeRegion, content string) *replicated {
	t.Helper()
	s := newSetup(t)
	r := &replicated{setup: s, id: s.secretID("db"), homeRegion: homeRegion,
		home: awsClientIn(homeRegion, s.env.AWS.URL(), "tester"), replica: awsClientIn(replicaRegion, s.env.AWS.URL(), "tester")}
	r.spec = v1alpha1.SecretSyncSpec{PollInterval: fast,
		Source: v1alpha1.SecretSource{SecretID: r.id, Region: homeRegion, FailoverRegions: []string{replicaRegion}}}
	made, err := r.home.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &r.id, SecretString: &content})
	if err != nil {
		t.Fatal(err)
	}
	r.setTimes(localaws.Times{SecretId: r.id, Region: homeRegion, Versions: map[string]time.Time{*made.VersionId: time.Now().Add(-2 * time.Hour)}})
	_, err = r.home.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &r.id,
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(replicaRegion)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.outage(""); s.env.AWS.SetReplicationLag(0) })
	return r
}

// outage takes the primary region down, or brings it back.
func (r *replicated) outage(kind string) {
	r.Helper()
	var outages []localaws.Outage
	if kind != "" {
		outages = append(outages, localaws.Outage{Region: r.homeRegion, Kind: kind})
	}
	if err := r.env.AWS.SetOutages(outages...); err != nil {
		r.Fatal(err)
	}
}

func (r *replicated) put(client *secretsmanager.Client, region, content string, ago time.Duration) (version string) {
	r.Helper()
	put, err := client.PutSecretValue(r.Context(), &secretsmanager.PutSecretValueInput{SecretId: &r.id, SecretString: &content})
	if err != nil {
		r.Fatal(err)
	}
	r.setTimes(localaws.Times{SecretId: r.id, Region: region, Versions: map[string]time.Time{*put.VersionId: time.Now().Add(-ago)}})
	return *put.VersionId
}

// awaitRegion waits until status names the region that has answered.
func (r *replicated) awaitRegion(name, region string) v1alpha1.SourceStatus {
	r.Helper()
	var read v1alpha1.SourceStatus
	r.await(name+" is read from "+region, func() bool {
		if sources := r.get(name).Status.Sources; len(sources) > 0 {
			read = sources[0]
		}
		return read.Region == region
	})
	return read
}

// TestFailover: while a region is down, replicas are read, both for SecretSyncs that were synced before and for new
// ones. Once the region is back, it is read again.
func TestFailover(t *testing.T) {
	for kind, homeRegion := range map[string]string{localaws.OutageCut: "eu-west-2", localaws.OutageUnavailable: "eu-west-3"} {
		t.Run(kind, func(t *testing.T) {
			content := value()
			r := newReplicated(t, homeRegion, content)
			r.sync("before", r.spec)
			r.awaitReady("before")
			home := r.awaitRegion("before", homeRegion)
			r.outage(kind)
			r.sync("during", r.spec)
			for _, name := range []string{"before", "during"} {
				read := r.awaitRegion(name, replicaRegion)
				if read.ARN != home.ARN || read.VersionID != home.VersionID {
					t.Errorf("%s: %s of %s is another secret or version", name, read.VersionID, read.ARN)
				}
				if want := "read from the replica in " + replicaRegion + " because " + homeRegion + " does not answer"; read.Hint != want {
					t.Errorf("%s: the hint is %q", name, read.Hint)
				}
				r.awaitReady(name)
				r.awaitKeys(name, map[string]string{"value": content})
			}
			r.outage("")
			for _, name := range []string{"before", "during"} {
				if read := r.awaitRegion(name, homeRegion); read.Hint != "" {
					t.Errorf("%s: the hint is still %q", name, read.Hint)
				}
			}
		})
	}
}

// TestFailoverIsNoStepBack: a lagging replica does not set the Secret back. A replica that was promoted and has a newer
// version is followed.
func TestFailoverIsNoStepBack(t *testing.T) {
	r := newReplicated(t, "eu-north-1", value())
	r.env.AWS.SetReplicationLag(time.Hour)
	fresh, newest := value(), value()
	second := r.put(r.home, r.homeRegion, fresh, time.Hour)
	r.sync("db", r.spec)
	r.awaitKeys("db", map[string]string{"value": fresh})
	r.outage(localaws.OutageError)
	r.await("the replica is made older", func() bool {
		reconciling := meta.FindStatusCondition(r.get("db").Status.Conditions, v1alpha1.ConditionReconciling)
		return reconciling != nil && reconciling.Reason == v1alpha1.ReasonRegionUnavailable &&
			strings.Contains(reconciling.Message, fmt.Sprintf("which is not newer than version %s, which is synced", second))
	})
	r.awaitReason("db", metav1.ConditionTrue, v1alpha1.ReasonSynced)
	r.awaitKeys("db", map[string]string{"value": fresh})

	if _, err := r.replica.StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: &r.id}); err != nil {
		t.Fatal(err)
	}
	r.put(r.replica, replicaRegion, newest, 0)
	r.awaitKeys("db", map[string]string{"value": newest})
	r.awaitRegion("db", replicaRegion)
}

// TestRefusalsAreNotGotRound: if the primary region refuses, no replica is read.
func TestRefusalsAreNotGotRound(t *testing.T) {
	r := newReplicated(t, "eu-central-2", value())
	if _, err := r.home.RemoveRegionsFromReplication(t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{
		SecretId: &r.id, RemoveReplicaRegions: []string{replicaRegion},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.home.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &r.id, ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	other := value()
	if _, err := r.replica.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &r.id, SecretString: &other}); err != nil {
		t.Fatal(err)
	}
	r.sync("db", r.spec)
	r.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	// A secret of the same name is not treated as a replica because the region is down.
	r.outage(localaws.OutageCut)
	r.edit("db", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Source.VersionStage = "AWSCURRENT" })
	r.await("it is not treated as a replica", func() bool {
		ready := meta.FindStatusCondition(r.get("db").Status.Conditions, v1alpha1.ConditionReady)
		return ready.Reason == v1alpha1.ReasonRegionUnavailable && strings.Contains(ready.Message, "it is not known to be a replica")
	})
	if r.secret("db") != nil {
		t.Error("another secret of the name was read")
	}
}
