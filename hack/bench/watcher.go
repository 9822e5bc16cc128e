package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// watcher watches the Secrets that the operator or the floor writes.
type watcher struct {
	mutex sync.Mutex
	// versions that the Secrets hold, and when that was seen.
	versions map[types.NamespacedName]arrival
}

type arrival struct {
	version string
	at      time.Time
}

func watch(ctx context.Context, config *rest.Config) (*watcher, error) {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	w := &watcher{versions: map[types.NamespacedName]arrival{}}
	factory := informers.NewSharedInformerFactoryWithOptions(clients, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector = v1alpha1.LabelManaged + "=true"
	}))
	informer := factory.Core().V1().Secrets().Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.see(object.(*corev1.Secret)) },
		UpdateFunc: func(_, object any) { w.see(object.(*corev1.Secret)) },
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, errors.New("watching Secrets did not begin")
	}
	return w, nil
}

func (w *watcher) see(secret *corev1.Secret) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	at, version := types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}, secret.Annotations[v1alpha1.AnnotationVersionID]
	if w.versions[at].version != version {
		w.versions[at] = arrival{version, time.Now()}
	}
}

// arrived is when a Secret got its present version.
func (w *watcher) arrived(at types.NamespacedName) time.Time {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.versions[at].at
}

// await waits until each Secret holds its wanted version, and gives when the last one did.
func (w *watcher) await(ctx context.Context, wanted map[types.NamespacedName]string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		last, missing := w.look(wanted)
		if missing == 0 {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("%d of %d Secrets do not hold the version wanted after %s", missing, len(wanted), patience)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *watcher) look(wanted map[types.NamespacedName]string) (last time.Time, missing int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for at, version := range wanted {
		seen := w.versions[at]
		if seen.version != version {
			missing++
		} else if seen.at.After(last) {
			last = seen.at
		}
	}
	return last, missing
}
