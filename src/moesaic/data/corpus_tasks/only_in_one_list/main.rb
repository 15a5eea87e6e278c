require "set"

def only_in_one_list(first, second)
  (first.to_set ^ second.to_set).sort
end

names = only_in_one_list(gets.split, gets.split)
puts names.empty? ? "equal" : names
