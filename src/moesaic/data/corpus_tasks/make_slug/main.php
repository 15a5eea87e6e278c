<?php

declare(strict_types=1);

function makeSlug(string $heading): string
{
    $slug = preg_replace('/[^a-z0-9]+/', '-', strtolower($heading));
    return trim($slug, '-');
}

$heading = fgets(STDIN);
echo makeSlug($heading), PHP_EOL;
