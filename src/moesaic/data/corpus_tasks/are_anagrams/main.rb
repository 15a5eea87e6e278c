def are_anagrams(first, second)
  first.chars.sort == second.chars.sort
end

first = gets.chomp
second = gets.chomp
puts are_anagrams(first, second) ? "yes" : "no"
