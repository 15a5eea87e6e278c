def join_names(names)
  *others, last = names
  others.empty? ? last : "#{others.join(', ')} and #{last}"
end

puts join_names(gets.split)
