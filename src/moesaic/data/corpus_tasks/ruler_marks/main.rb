def ruler_marks(depth)
  return [] if depth.zero?

  half = ruler_marks(depth - 1)
  [*half, "-" * depth, *half]
end

puts ruler_marks(gets.to_i)
