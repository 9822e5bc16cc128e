package restore

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"

	"k8s.io/client-go/kubernetes"

	"github.com/secretsync/secretsync/hack/testenv"
)

// balance makes managers that are started from now on reach the API server through a load balancer, which connects
// clients only while the API server is ready. Without it, a client that reconnects may be refused by an API server that
// has not loaded its permissions yet, and restarts its watches for that reason.
func (s *setup) balance() {
	s.Helper()
	config, err := s.env.Plane.ServiceAccountConfig(s.Context(), testenv.OperatorNamespace, testenv.OperatorAccount)
	if err != nil {
		s.Fatal(err)
	}
	behind, err := url.Parse(config.Host)
	if err != nil {
		s.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { listener.Close() })
	go serve(listener, behind.Host, s.ready)
	config.Host = "https://" + listener.Addr().String()
	s.env.Kubeconfig = filepath.Join(s.env.Plane.Directory(), s.namespace+".kubeconfig")
	if err := s.env.Plane.WriteKubeconfig(config, s.env.Kubeconfig); err != nil {
		s.Fatal(err)
	}
}

// ready says whether the API server is ready.
func (s *setup) ready() bool {
	clients, err := kubernetes.NewForConfig(s.env.Plane.Config())
	return err == nil && clients.Discovery().RESTClient().Get().AbsPath("/readyz").Do(s.Context()).Error() == nil
}

// serve connects clients with the API server until the listener is closed.
func serve(listener net.Listener, behind string, ready func() bool) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go connect(client, behind, ready)
	}
}

func connect(client net.Conn, behind string, ready func() bool) {
	defer closing(client)
	if !ready() {
		return
	}
	server, err := net.Dial("tcp", behind)
	if err != nil {
		return
	}
	defer closing(server)
	var group sync.WaitGroup
	for to, from := range map[net.Conn]net.Conn{client: server, server: client} {
		group.Go(func() {
			_, _ = io.Copy(to, from) // Ends with the connection.
			closing(client)
			closing(server)
		})
	}
	group.Wait()
}

// closing closes a connection, which the other side may have closed before.
func closing(connection net.Conn) { _ = connection.Close() }
