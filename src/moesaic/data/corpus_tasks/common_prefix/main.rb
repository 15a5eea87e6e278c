def common_prefix(words)
  first, last = words.minmax
  length = 0
  length += 1 while length < first.size && first[length] == last[length]
  first[0, length]
end

prefix = common_prefix(gets.split)
puts prefix.empty? ? "none" : prefix
