def expand_ranges(entries)
  entries.flat_map do |entry|
    first, last = entry.split("-").map(&:to_i)
    (first..(last || first)).to_a
  end
end

puts expand_ranges(gets.chomp.split(",")).join(" ")
