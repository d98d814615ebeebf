package kernel

func cpuTiers() []Tier { return nil }

func setTier(Tier) {}

func burn(int) int { return 0 }
