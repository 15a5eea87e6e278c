def subset_with_sum(weights, target)
  return true if target.zero?
  return false if target.negative? || weights.empty?

  first, *rest = weights
  subset_with_sum(rest, target - first) || subset_with_sum(rest, target)
end

target = gets.to_i
weights = gets.split.map(&:to_i)
puts subset_with_sum(weights, target) ? "yes" : "no"
