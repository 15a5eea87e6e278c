def widest_gap(posts)
  posts.sort.each_cons(2).max_by { |left, right| right - left }
end

puts widest_gap(gets.split.map(&:to_i)).join(" ")
