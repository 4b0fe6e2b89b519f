// Package e2e runs the real programs, as processes, on real services, and looks at what comes out with other people's
// clients. It needs KAFKA_BROKERS, DATABASE_URL, MONGODB_URI and REDIS_URL, takes the topic phone-submitted of that cluster
// for itself (and makes it anew), and uses databases of its own.
package e2e
