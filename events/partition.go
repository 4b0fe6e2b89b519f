package events

// Partitions is the number of partitions that phones are spread over. It is part of the contract, like the hash: a phone
// that moved to another partition would be judged by another window. Changing it means a new topic.
const Partitions = 12

// PartitionOf returns the partition of a phone: Kafka's murmur2 of its UTF-8 bytes, as Kafka's own default partitioner
// computes it, but modulo the constant 12 and never the live count.
func PartitionOf(phone string) int32 {
	return int32(murmur2(phone) & 0x7fffffff % Partitions)
}

// murmur2 is Kafka's variant of Austin Appleby's MurmurHash2 (org.apache.kafka.common.utils.Utils.murmur2).
func murmur2(s string) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := uint32(seed) ^ uint32(len(s))
	for ; len(s) >= 4; s = s[4:] {
		k := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	switch len(s) {
	case 3:
		h ^= uint32(s[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(s[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(s[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
