package secretsync

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// phase does one part of a pass. It reads and writes the pass alone, and stops the pass by an error
// or by setting done.
type phase func(ctx context.Context, p *pass) error

// pass is what one pass has found out and done so far.
type pass struct {
	// sync is the SecretSync; its status is changed as the pass goes on, and written at the end.
	sync *v1alpha1.SecretSync
	// before is the SecretSync as it was read.
	before *v1alpha1.SecretSync
	memory *memory
	// began is when the pass did: answers of AWS may be as old as that.
	began   time.Time
	trigger trigger
	// done says that the rest of the phases has nothing to do.
	done bool
	// err is what stopped the pass.
	err error

	// large says that it is the one pass of its namespace over a large SecretSync.
	large bool
	// hand is how many bytes of values it has in hand.
	hand atomic.Int64
	// budget is the processor time of the pass for patterns and values; nil before it is used.
	budget *pattern.Budget
	// identity is on whose authority AWS is asked.
	identity source.Identity
	// inputs are the versions that the Secret is made of, former those that keepPrevious keeps beside them,
	// until is when it does so no more.
	inputs, former []*input
	entries        entries
	until          time.Time
	// observed says that AWS has answered in this pass.
	observed bool
	data     map[string][]byte
	keys     []string // of data, sorted
	// notes are what is worth knowing of data.
	notes render.Notes
	// previousKeys are those of keys that hold former values, sorted.
	previousKeys []string
	changes      changes
	preview      *preview
	applied      *target.Result
	// wrote is when the Secret was written; its report may come later.
	wrote time.Time
	// burst is when the Secret was written, where that was one of many that polls found at once.
	burst time.Time
	// untidy says that what a former spec left behind is still there.
	untidy bool
	// found is the Secret as it was before AWS was asked: what is written replaces that state alone.
	found target.State
	// drifted says that somebody has touched the Secret since status was written: somebody else, or a process that
	// could not say so.
	drifted bool
	// lags says that the Secret in the cache is older than this process wrote it a moment ago.
	lags bool
	// rollout is how far restarts are after the step of this pass, if it took one; stepAgain when the next is due.
	rollout   *rollout.Progress
	stepAgain time.Duration
	// touched says that somebody else has touched the Secret while it was written.
	touched bool
}

func (c *Controller) begin(secretSync *v1alpha1.SecretSync, memory *memory) *pass {
	p := &pass{sync: secretSync, before: secretSync.DeepCopy(), memory: memory, began: c.Clock.Now(), identity: identityOf(secretSync)}
	p.large = c.shares.isLarge(client.ObjectKeyFromObject(secretSync))
	p.readBy()
	return p
}

// identityOf is on whose authority a SecretSync reads. Even the operator's own, with a role on top, is one
// for each namespace: the session is told which.
func identityOf(secretSync *v1alpha1.SecretSync) source.Identity {
	auth := &secretSync.Spec.Auth
	if auth.ServiceAccountRef == nil && auth.RoleARN == "" {
		return source.Identity{}
	}
	who := source.Identity{
		Namespace: secretSync.Namespace, RoleARN: auth.RoleARN, ExternalID: auth.ExternalID, Via: strings.Join(auth.ViaRoleARNs, " "),
	}
	if auth.ServiceAccountRef != nil {
		who.ServiceAccount = auth.ServiceAccountRef.Name
	}
	return who
}

// deletionStarted lets the update through by which a SecretSync with a finalizer begins to go.
func deletionStarted() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(update event.UpdateEvent) bool {
			return goes(update.ObjectNew) && !goes(update.ObjectOld)
		},
	}
}

func goes(object client.Object) bool { return !object.GetDeletionTimestamp().IsZero() }
