<?php

declare(strict_types=1);

function groupAnagrams(array $words): array
{
    $groups = [];
    foreach ($words as $word) {
        $letters = str_split($word);
        sort($letters);
        $groups[implode('', $letters)][] = $word;
    }
    return $groups;
}

$words = explode(' ', trim(fgets(STDIN)));
foreach (groupAnagrams($words) as $group) {
    echo implode(' ', $group), PHP_EOL;
}
