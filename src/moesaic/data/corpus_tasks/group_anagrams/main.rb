def group_anagrams(words)
  words.group_by { |word| word.chars.sort }.values
end

group_anagrams(gets.split).each { |group| puts group.join(" ") }
